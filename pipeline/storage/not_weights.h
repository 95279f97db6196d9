// SPDX-License-Identifier: Apache-2.0
// What lies where weights were expected: downloads that failed, and files under another's name.
#pragma once

#include <string>
#include <string_view>

namespace larkspur::pipeline {

/// Bytes from the start of a file that name_of_not_weights() looks at.
inline constexpr std::size_t kNotWeightsBytes = 64;

/// What a file of these first bytes is and the way out, as the end of a message ("a web page:
/// ...");
/// "" where nothing is known of it. Files of weights themselves are known, too: under the
/// other's name each is refused.
std::string name_of_not_weights(std::string_view start);

}  // namespace larkspur::pipeline
