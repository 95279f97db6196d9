// SPDX-License-Identifier: Apache-2.0
#include "pipeline/utf8.h"

#include <nlohmann/json.hpp>

namespace larkspur::pipeline {

std::string as_utf8(const std::string& bytes) {
  using nlohmann::json;
  const std::string text = json(bytes).dump(-1, ' ', false, json::error_handler_t::replace);
  return json::parse(text).get<std::string>();
}

std::string one_line(std::string_view text) {
  constexpr std::size_t kMost = 80;
  std::string line(text.substr(0, kMost));
  for (char& c : line) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text.size() > kMost ? line + "..." : line;
}

}  // namespace larkspur::pipeline
