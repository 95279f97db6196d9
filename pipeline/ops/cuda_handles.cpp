// SPDX-License-Identifier: Apache-2.0
#include "pipeline/ops/cuda_handles.h"

#include <cuda_runtime_api.h>

#include "pipeline/require.h"

namespace larkspur::pipeline {

void cuda_check(int status, const char* what) {
  const auto error = static_cast<cudaError_t>(status);
  require(error != cudaErrorMemoryAllocation, Errc::kDevice, what, ": out of GPU memory");
  require(error == cudaSuccess, Errc::kDevice, what, ": ", cudaGetErrorString(error));
}

}  // namespace larkspur::pipeline
