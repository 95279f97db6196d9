// SPDX-License-Identifier: Apache-2.0
// torch's current stream: the one compute stream of fake_cuda.h.
#pragma once

#include <cuda_runtime_api.h>

namespace c10::cuda {

class CUDAStream {
 public:
  cudaStream_t stream() const;
};

inline CUDAStream getCurrentCUDAStream(signed char /*device*/ = -1) { return {}; }

}  // namespace c10::cuda
