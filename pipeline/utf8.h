// SPDX-License-Identifier: Apache-2.0
// Names of files, classes and tensors may hold any bytes; JSON holds UTF-8, a message is one line.
#pragma once

#include <string>
#include <string_view>

namespace larkspur::pipeline {

/// The text with every byte that is no UTF-8 replaced by U+FFFD; equal to `bytes` when there is
/// none.
std::string as_utf8(const std::string& bytes);

/// The text fit for a message: 80 bytes at most, '?' for every one that is not printable ASCII.
std::string one_line(std::string_view text);

}  // namespace larkspur::pipeline
