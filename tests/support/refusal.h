// SPDX-License-Identifier: Apache-2.0
// The error that a call ends in, as a value a test can look at.
#pragma once

#include <ostream>
#include <string>

#include <gtest/gtest.h>

#include "pipeline/error.h"

namespace larkspur::testing {

/// Code and text of an error; "no error" in words when there was none.
struct Refusal {
  std::string code = "no error";
  std::string text;

  bool operator==(const Refusal&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const Refusal& refusal) {
  return out << refusal.code << ": " << refusal.text;
}

/// What `call` throws.
template <typename Call>
Refusal refusal_of(const Call& call) {
  try {
    call();
    return {};
  } catch (const pipeline::Error& error) {
    return {std::string(name_of(error.code())), error.what()};
  }
}

/// The error that `call` throws; a failure of the test where there is none.
template <typename Call>
pipeline::Error error_of(const Call& call) {
  try {
    call();
  } catch (const pipeline::Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {pipeline::Errc::kInvalidArgument, ""};
}

}  // namespace larkspur::testing
