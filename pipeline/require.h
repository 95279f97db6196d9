// SPDX-License-Identifier: Apache-2.0
// Checks with readable messages: require(n > 0, Errc::kInvalidArgument, "[op] n is ", n, ", not >
// 0").
#pragma once

#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>

#include "pipeline/error.h"

namespace larkspur::pipeline {

/// The arguments printed one after the other.
template <typename... Parts>
std::string text_of(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

/// Throws Error{code} with the parts as its text unless the condition holds.
template <typename... Parts>
void require(bool condition, Errc code, const Parts&... parts) {
  if (!condition) throw Error(code, text_of(parts...));
}

/// Throws kInvalidArgument "<name> is <value>, not in [<low>, <high>]" unless it is; not a number
/// is in no interval.
template <typename Value>
void require_within(std::string_view name,
                    const Value& value,
                    const std::type_identity_t<Value>& low,
                    const std::type_identity_t<Value>& high) {
  require(low <= value && value <= high,
          Errc::kInvalidArgument,
          name,
          " is ",
          value,
          ", not in [",
          low,
          ", ",
          high,
          "]");
}

}  // namespace larkspur::pipeline
