// SPDX-License-Identifier: Apache-2.0
// Names of files and classes may hold any bytes; JSON holds UTF-8.
#pragma once

#include <string>

namespace larkspur::pipeline {

/// The text with every byte that is no UTF-8 replaced by U+FFFD; equal to `bytes` when there is
/// none.
std::string as_utf8(const std::string& bytes);

}  // namespace larkspur::pipeline
