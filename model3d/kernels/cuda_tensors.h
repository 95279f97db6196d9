// SPDX-License-Identifier: Apache-2.0
// From tensors to what kernels on a GPU take. Used by the CUDA library only.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/cuda/CUDAStream.h>

#include "model3d/kernels/half_types.h"
#include "pipeline/require.h"

namespace torch {
class Library;
}

namespace larkspur::model3d {

/// call(T{}) with the elements' type as kernels name it. Throws kUnsupported naming `op`.
template <typename Call>
void with_cuda_type(const char* op, const at::Tensor& x, const Call& call) {
  switch (x.scalar_type()) {
    case at::kFloat:
      return call(float{});
    case at::kBFloat16:
      return call(Bfloat16{});
    case at::kHalf:
      return call(Float16{});
    default:
      pipeline::require(false,
                        pipeline::Errc::kUnsupported,
                        "[",
                        op,
                        "] ",
                        x.scalar_type(),
                        " on a GPU: only float32, bfloat16 and float16");
  }
}

template <typename T>
T* out(const at::Tensor& tensor) {
  return static_cast<T*>(tensor.mutable_data_ptr());
}
template <typename T>
const T* in(const at::Tensor& tensor) {
  return static_cast<const T*>(tensor.const_data_ptr());
}

inline CUstream_st* stream_of(const at::Tensor& tensor) {
  return c10::cuda::getCurrentCUDAStream(tensor.device().index()).stream();
}

// Each op's CUDA twin into a library of the dispatcher: that of CUDA, or in tests that of the CPU.
void add_dw_conv3d_on_cuda(torch::Library& library);
void add_channel_mixer_on_cuda(torch::Library& library);
void add_excite_gate_on_cuda(torch::Library& library);
void add_layer_norm_on_cuda(torch::Library& library);
void add_reparam_depthwise_on_cuda(torch::Library& library);
void add_running_moments_on_cuda(torch::Library& library);

}  // namespace larkspur::model3d
