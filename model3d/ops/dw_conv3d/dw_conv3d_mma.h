// SPDX-License-Identifier: Apache-2.0
// The CUDA twin's second way, in 16 bits.
#pragma once

#include "model3d/ops/dw_conv3d/dw_conv3d_kernels.h"

namespace larkspur::model3d {

/// As the forward pass, or with `reversed` taps as the input gradient; T is Bfloat16 or Float16.
/// False, and nothing done, for shapes that tensor cores are of no use to. `name` is for errors.
template <typename T>
bool correlate_on_tensor_cores(const char* name,
                               T* y,
                               const T* x,
                               const T* k,
                               const DwConv3dShape& shape,
                               bool reversed,
                               CUstream_st* stream);

/// Correlations of one launch, each on maps of its own.
template <typename T>
struct DwConv3dJobs {
  int count;
  const DwConv3dShape* shapes[kDwConvMostTogether];
  const T* x[kDwConvMostTogether];
  const float* k[kDwConvMostTogether];
  T* y[kDwConvMostTogether];

  void add(const DwConv3dJobs& from, int job) {
    shapes[count] = from.shapes[job];
    x[count] = from.x[job];
    k[count] = from.k[job];
    y[count] = from.y[job];
    ++count;
  }
};

/// Does those of the jobs that tensor cores are of use to, in one launch, and returns the others.
template <typename T>
DwConv3dJobs<T> correlate_together_on_tensor_cores(const char* name,
                                                   const DwConv3dJobs<T>& jobs,
                                                   bool reversed,
                                                   CUstream_st* stream);

/// Weight gradients of one launch: sums of slices, to be added in order.
template <typename T>
struct DwConv3dGradientJobs {
  int count;
  const DwConv3dShape* shapes[kDwConvMostTogether];
  const T* x;  ///< of all
  const T* dy[kDwConvMostTogether];
  float* partial[kDwConvMostTogether];  ///< [slices of the plan][c][taps that reach something]

  void add(const DwConv3dGradientJobs& from, int job) {
    shapes[count] = from.shapes[job];
    dy[count] = from.dy[job];
    partial[count] = from.partial[job];
    ++count;
  }
};

/// Those of the jobs that have a plan go into all.jobs, with it in all.plans, the rest into
/// `others`. Returns the blocks of the longest plan.
template <typename Jobs, typename PlanOf, typename Together>
std::int64_t divide_by_plan(const Jobs& jobs, const PlanOf& plan_of, Together& all, Jobs& others) {
  std::int64_t blocks = 0;
  for (int job = 0; job < jobs.count; ++job) {
    const auto plan = plan_of(*jobs.shapes[job]);
    if (plan) {
      all.plans[all.jobs.count] = *plan;
      blocks = plan->blocks > blocks ? plan->blocks : blocks;
    }
    (plan ? all.jobs : others).add(jobs, job);
  }
  return blocks;
}

/// As correlate_together_on_tensor_cores, by plan_cuda_gradient_mma.
template <typename T>
DwConv3dGradientJobs<T> weight_gradients_on_tensor_cores(const DwConv3dGradientJobs<T>& jobs,
                                                         CUstream_st* stream);

}  // namespace larkspur::model3d
