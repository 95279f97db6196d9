// SPDX-License-Identifier: Apache-2.0
// Sums of squares of chunks, at the level of pointers. No LibTorch, C++17.
//
// One sum a chunk, in an order that is fixed and does not know how many chunks there are: a rank
// that owns fewer of them gets the same bits for each. The two twins add in different orders, so
// their sums differ in the last bits.
#pragma once

#include <cstdint>

struct CUstream_st;

namespace larkspur::pipeline {

constexpr std::int64_t kChunkNormElements = 4096;  ///< of a chunk; kChunkElements of the layout
constexpr int kChunkNormThreads = 256;             ///< of a block; a block sums one chunk

/// sums[k] = sum over the k-th 4,096 gradients of (gradient * scale)^2, all in double, one after
/// the other. `elements` is a multiple of 4,096.
void chunk_square_sums_cpu(double* sums,
                           const float* gradient,
                           std::int64_t elements,
                           double scale);

/// On the GPU: thread t adds elements t, t + 256, ... one after the other, then the threads' sums
/// are added in halves (t += t + 128, t += t + 64, ...). Returns before the work is done. Throws
/// Error{kDevice} if it cannot start.
void chunk_square_sums_cuda(
    double* sums, const float* gradient, std::int64_t elements, double scale, CUstream_st* stream);

/// Launch shape of the CUDA twin: a block a chunk.
constexpr std::int64_t chunk_norm_blocks(std::int64_t elements) {
  return elements / kChunkNormElements;
}

}  // namespace larkspur::pipeline
