// SPDX-License-Identifier: Apache-2.0
// How the CUDA library turns a runtime status into our error. Used by no other library.
#pragma once

namespace larkspur::pipeline {

/// Throws Error{kDevice} with `what` and CUDA's own text unless `status` (a cudaError_t) is
/// success. Out of memory is named as such.
void cuda_check(int status, const char* what);

}  // namespace larkspur::pipeline
