// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "model3d/kernels/add_columns.h"
#include "pipeline/ops/kernel.cuh"

namespace larkspur::model3d {
namespace {

struct PlainAdditions {
  AddColumns jobs[kMostAdditions];
};

/// A block row a job, a thread a sum.
__global__ void __launch_bounds__(kAddColumnsThreads)
    add_columns_kernel(const __grid_constant__ PlainAdditions all) {
  const AddColumns& job = all.jobs[blockIdx.y];
  const std::int64_t index =
      static_cast<std::int64_t>(blockIdx.x) * kAddColumnsThreads + threadIdx.x;
  if (index >= job.parts * job.columns) return;
  const std::int64_t part = index / job.columns;
  const float* from = job.from + part * job.rows * job.pitch + index % job.columns;
  float sum = from[0];
  for (std::int64_t row = 1; row < job.rows; ++row) sum += from[row * job.pitch];
  job.to[index] = sum;
}

}  // namespace

void add_columns_cuda(const char* name, const Additions& additions, CUstream_st* stream) {
  PlainAdditions all{};
  std::int64_t most = 0;
  for (int i = 0; i < additions.count; ++i) {
    all.jobs[i] = additions.jobs[static_cast<std::size_t>(i)];
    most = std::max(most, all.jobs[i].parts * all.jobs[i].columns);
  }
  pipeline::launch_kernel(
      name,
      add_columns_kernel,
      dim3(static_cast<unsigned>((most + kAddColumnsThreads - 1) / kAddColumnsThreads),
           static_cast<unsigned>(additions.count)),
      kAddColumnsThreads,
      stream,
      all);
}

}  // namespace larkspur::model3d
