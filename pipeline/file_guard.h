// SPDX-License-Identifier: Apache-2.0
// The one place where an exception on the way of a file becomes a fact about that file.
//
// A file may claim a size that no memory holds, or be what no reader foresaw: one bad file stays
// one bad file.
#pragma once

#include <string_view>

#include "pipeline/error.h"

namespace larkspur::pipeline {

/// To be called in a catch (...) block: the exception as an error of the file `name`. An Error is
/// itself; no memory is kUnsupported; whatever else is kCorruptData, its first line behind the
/// name. Rethrows what is no fact about a file: Errors of kInvalidArgument, kDevice, kCollective
/// and kCancelled, and what is no std::exception.
Error error_of_file(std::string_view name);

}  // namespace larkspur::pipeline
