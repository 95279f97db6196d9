// SPDX-License-Identifier: Apache-2.0
// Checks with readable messages: require(n > 0, Errc::kInvalidArgument, "[op] n is ", n, ", not >
// 0").
#pragma once

#include <sstream>
#include <string>

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

}  // namespace larkspur::pipeline
