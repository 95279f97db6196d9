// SPDX-License-Identifier: Apache-2.0
#include "launch/report/page.h"

#include <nlohmann/json.hpp>

namespace larkspur::launch {

std::string fill_page(const nlohmann::ordered_json& data) {
  constexpr std::string_view kMark = "%DATA%";
  const std::string_view frame = page_template();
  const std::size_t place = frame.find(kMark);
  const std::string text =
      data.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  std::string page(frame.substr(0, place));
  page.reserve(frame.size() + text.size());
  for (const char c : text) {  // "<" stands in strings only, where it may be written as its number
    if (c == '<') {
      page += "\\u003c";
    } else {
      page += c;
    }
  }
  page += frame.substr(place + kMark.size());
  return page;
}

}  // namespace larkspur::launch
