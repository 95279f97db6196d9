// SPDX-License-Identifier: Apache-2.0
// Sums of slices, added in order: the last step of gradients of weights on a GPU, all of an op's in
// one launch. C++17, no torch.
#pragma once

#include <array>
#include <cstdint>

struct CUstream_st;

namespace larkspur::model3d {

/// to[part][column] = sum over `rows` of from[(part * rows + row) * pitch + column], in order.
struct AddColumns {
  float* to;
  const float* from;
  std::int64_t parts, rows, columns, pitch;
};

constexpr int kMostAdditions = 6;
constexpr int kAddColumnsThreads = 256;

struct Additions {
  std::array<AddColumns, kMostAdditions> jobs;
  int count;
};

/// Queues all of them as one kernel; `from` and `to` on the GPU. Throws Error{kDevice}.
void add_columns_cuda(const char* name, const Additions& additions, CUstream_st* stream);

}  // namespace larkspur::model3d
