// SPDX-License-Identifier: Apache-2.0
#include "pipeline/bad_sample_json.h"

#include <nlohmann/json.hpp>

#include "pipeline/utf8.h"

namespace larkspur::pipeline {
namespace {

Errc code_named(const std::string& name) {
  for (int value = 0; value <= static_cast<int>(Errc::kCancelled); ++value) {
    const auto code = static_cast<Errc>(value);
    if (name_of(code) == name) return code;
  }
  return Errc::kCorruptData;
}

}  // namespace

nlohmann::json to_json(const std::vector<BadSample>& bad) {
  nlohmann::json array = nlohmann::json::array();
  for (const BadSample& sample : bad) {
    array.push_back({{"position", sample.position},
                     {"id", sample.id},
                     {"file", as_utf8(sample.name)},
                     {"kind", name_of(sample.code)},
                     {"error", as_utf8(sample.message)}});
  }
  return array;
}

std::vector<BadSample> bad_samples_from_json(const nlohmann::json& array) {
  std::vector<BadSample> bad;
  for (const nlohmann::json& entry : array) {
    bad.push_back({entry.at("position").get<std::int64_t>(),
                   entry.at("id").get<std::int64_t>(),
                   entry.at("file").get<std::string>(),
                   code_named(entry.at("kind").get<std::string>()),
                   entry.at("error").get<std::string>()});
  }
  return bad;
}

}  // namespace larkspur::pipeline
