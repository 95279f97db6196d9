// SPDX-License-Identifier: Apache-2.0
// The one line on stderr that says why a process ends with another code than 0.
#pragma once

#include <string>

#include "pipeline/error.h"

namespace larkspur::launch {

/// Says it, as one line whatever it holds, and returns `code`.
int say_last(std::string why, int code);

/// For an error that nobody catches, met by a thread beside the one that works: says it and ends
/// the process at once with its exit code, whatever the other threads wait for.
[[noreturn]] void end_process(const pipeline::Error& error);

}  // namespace larkspur::launch
