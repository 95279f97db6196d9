// SPDX-License-Identifier: Apache-2.0
// What a test looks for in a written report.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace larkspur::testing {

inline std::ptrdiff_t count_of(std::string_view text, std::string_view part) {
  std::ptrdiff_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + part.size())) {
    ++count;
  }
  return count;
}

/// The data as a browser hands them to the page's script: from the element's start to the first
/// thing that ends it. Throws where they are no JSON.
inline nlohmann::ordered_json data_of_page(const std::string& page) {
  constexpr std::string_view kStart = "<script type=\"application/json\" id=\"data\">";
  const std::size_t begin = page.find(kStart) + kStart.size();
  return nlohmann::ordered_json::parse(page.substr(begin, page.find("</script", begin) - begin));
}

}  // namespace larkspur::testing
