// SPDX-License-Identifier: Apache-2.0
// What this program is and what was built into it, as people report it.
#pragma once

#include <iosfwd>
#include <string>

namespace larkspur::launch {

/// A line each: version and commit, LibTorch, and what there is of OpenMPI, FFmpeg, PCL, HDF5 and
/// CUDA.
void print_version(std::ostream& out);

/// The same as a text.
std::string version_text();

}  // namespace larkspur::launch
