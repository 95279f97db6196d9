// SPDX-License-Identifier: Apache-2.0
// What this program is and what was built into it, as people report it.
#pragma once

#include <iosfwd>

namespace larkspur::launch {

/// A line each: version and commit, LibTorch, and what there is of OpenMPI, FFmpeg, PCL, HDF5 and
/// CUDA.
void print_version(std::ostream& out);

}  // namespace larkspur::launch
