// SPDX-License-Identifier: Apache-2.0
// The part of the CUDA runtime that our code calls around its kernels.
#pragma once

#include <cstddef>

#include <vector_types.h>

using cudaStream_t = struct CUstream_st*;

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorLaunchFailure = 719,
};

inline const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorInvalidConfiguration ? "invalid configuration argument" : "an error";
}
