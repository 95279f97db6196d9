// SPDX-License-Identifier: Apache-2.0
// Names, shapes and numbers of parameters of every published variant, trained and merged, against
// the authors' model: a CRC-32 over all lines "name shape", sorted (tests/data/golden/README.md).
#include <algorithm>
#include <cstdio>

#include <gtest/gtest.h>

#include "model3d/network.h"
#include "model3d/weights/crc32.h"
#include "model3d/weights/weights.h"
#include "tests/support/golden_formula.h"
#include "tests/support/golden_record.h"

namespace larkspur::model3d {
namespace {

std::string hex(std::uint32_t crc) {
  char text[9];
  std::snprintf(text, sizeof text, "%08x", crc);
  return text;
}

std::string crc_of(std::vector<std::string> lines) {
  std::ranges::sort(lines);
  std::string all;
  for (const std::string& line : lines) all += line;
  return hex(crc32(all.data(), all.size()));
}

std::string shape_crc(const Network& network) {
  std::vector<std::string> lines;
  for (const NamedTensor& entry : published_state_dict(network)) {
    std::string shape;
    for (const std::int64_t size : entry.tensor.sizes()) {
      shape += (shape.empty() ? "" : ",") + std::to_string(size);
    }
    lines.push_back(entry.name + " " + shape + "\n");
  }
  return crc_of(lines);
}

/// Over what the formula gives each entry.
std::string value_crc(const Network& network) {
  std::vector<std::string> lines;
  for (const NamedTensor& entry : network.entries()) {
    const at::Tensor values = larkspur::testing::golden_entry(entry.name, entry.tensor.sizes());
    const auto bytes = static_cast<std::size_t>(values.nbytes());
    lines.push_back(entry.name + " " + hex(crc32(values.const_data_ptr(), bytes)) + "\n");
  }
  return crc_of(lines);
}

std::int64_t parameters_of(const Network& network) {
  std::int64_t count = 0;
  for (const auto& parameter : network.parameters()) count += parameter.tensor.numel();
  return count;
}

class GoldenEntries : public ::testing::TestWithParam<const char*> {
 protected:
  static nlohmann::json row() {
    for (const auto& row : larkspur::testing::read_golden("entries.json")) {
      if (row.at("variant") == GetParam()) return row;
    }
    throw std::runtime_error("no such variant");
  }
};

TEST_P(GoldenEntries, AreThePublishedOnesTrainedAndMerged) {
  const auto published = row();
  Network network({.form = "image", .variant = GetParam(), .classes = 1000});
  EXPECT_EQ(network.entries().size(), published.at("entries"));
  EXPECT_EQ(parameters_of(network), published.at("parameters"));
  EXPECT_EQ(shape_crc(network), published.at("crc32"));
  if (published.contains("values_crc32")) {
    EXPECT_EQ(value_crc(network), published.at("values_crc32"));
  }
  network.merge();
  EXPECT_EQ(network.entries().size(), published.at("merged_entries"));
  EXPECT_EQ(parameters_of(network), published.at("merged_parameters"));
  EXPECT_EQ(shape_crc(network), published.at("merged_crc32"));
}

std::string variant_name(const ::testing::TestParamInfo<const char*>& info) { return info.param; }

INSTANTIATE_TEST_SUITE_P(Variants,
                         GoldenEntries,
                         ::testing::Values("a", "f", "p", "n"),
                         variant_name);
INSTANTIATE_TEST_SUITE_P(Slow,
                         GoldenEntries,
                         ::testing::Values("t", "s", "b", "l", "xl"),
                         variant_name);

}  // namespace
}  // namespace larkspur::model3d
