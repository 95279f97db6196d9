// SPDX-License-Identifier: Apache-2.0
#include "tests/support/golden_record.h"

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/tolerances.h"

namespace larkspur::testing {
namespace {

std::vector<std::int64_t> without_ones(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> kept;
  for (const std::int64_t size : shape) {
    if (size != 1) kept.push_back(size);
  }
  return kept;
}

}  // namespace

nlohmann::json read_golden(const std::string& file) {
  const char* source = std::getenv("LARKSPUR_SOURCE");
  if (source == nullptr) throw std::runtime_error("LARKSPUR_SOURCE is not set");
  const std::string path = std::string(source) + "/tests/data/golden/" + file;
  std::ifstream stream(path);
  if (!stream) throw std::runtime_error("cannot read " + path);
  return nlohmann::json::parse(stream);
}

const nlohmann::json& record_named(const nlohmann::json& records, const std::string& name) {
  for (const nlohmann::json& record : records) {
    if (record.at("name") == name) return record;
  }
  throw std::runtime_error("no record is named " + name);
}

void expect_record(const nlohmann::json& record, const at::Tensor& actual) {
  SCOPED_TRACE(record.at("name").get<std::string>());
  ASSERT_EQ(without_ones(actual.sizes().vec()),
            without_ones(record.at("shape").get<std::vector<std::int64_t>>()));
  const at::Tensor flat = actual.detach().to(at::kDouble).contiguous().view({-1});
  const double tolerance = record.at("tol");
  const auto indices = record.at("idx").get<std::vector<std::int64_t>>();
  for (std::size_t i = 0; i < indices.size(); ++i) {
    EXPECT_NEAR(flat[indices[i]].item<double>(), record.at("val")[i].get<double>(), tolerance)
        << "at " << indices[i];
  }
  const double norm = record.at("l2");
  EXPECT_NEAR(flat.norm().item<double>(), norm, kGoldenNormRelative * norm);
  if (record.contains("mean")) {
    EXPECT_NEAR(flat.mean().item<double>(), record.at("mean").get<double>(), tolerance);
  }
}

void expect_logits(const nlohmann::json& logits, const at::Tensor& actual, double tolerance) {
  const auto first = logits.at("first16").get<std::vector<std::vector<double>>>();
  ASSERT_EQ(actual.size(0), static_cast<std::int64_t>(first.size()));
  const at::Tensor values = actual.detach().to(at::kDouble);
  for (std::size_t n = 0; n < first.size(); ++n) {
    const at::Tensor row = values[static_cast<std::int64_t>(n)];
    for (std::size_t k = 0; k < first[n].size(); ++k) {
      EXPECT_NEAR(row[static_cast<std::int64_t>(k)].item<double>(), first[n][k], tolerance)
          << "sample " << n << " class " << k;
    }
    const double norm = logits.at("l2")[n];
    EXPECT_NEAR(row.norm().item<double>(), norm, kGoldenNormRelative * norm);
    EXPECT_NEAR(row.sum().item<double>(), logits.at("sum")[n].get<double>(), kGoldenLogitSum);
    if (logits.at("argmaxabs_gap")[n].get<double>() <= 10 * tolerance) continue;
    EXPECT_EQ(row.abs().argmax().item<std::int64_t>(), logits.at("argmaxabs")[n]);
  }
}

}  // namespace larkspur::testing
