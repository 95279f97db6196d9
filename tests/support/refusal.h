// SPDX-License-Identifier: Apache-2.0
// The error that a call ends in, as a value a test can look at.
#pragma once

#include <ostream>
#include <string>

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

}  // namespace larkspur::testing
