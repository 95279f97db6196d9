// SPDX-License-Identifier: Apache-2.0
// The check of a number against its bounds, with one wording everywhere.
#pragma once

#include <string_view>
#include <type_traits>

#include "pipeline/require.h"

namespace larkspur::pipeline {

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
