// SPDX-License-Identifier: Apache-2.0
// Steps of running statistics on a GPU, on plain memory. No LibTorch, C++17.
#pragma once

#include <cstdint>

struct CUstream_st;

namespace larkspur::model3d {

constexpr int kRunningThreads = 256;
constexpr int kMostRunning = 160;  ///< of a launch, whose arguments are 4 KB at most

struct RunningVector {
  float* running;
  const float* batch;
  int elements;
  float share;
};

struct RunningVectors {
  RunningVector at[kMostRunning];
  int count;
};

/// running = running * keep + batch * share for each. One kernel. Throws Error{kDevice}.
void step_running_moments_cuda(const RunningVectors& all, float keep, CUstream_st* stream);

}  // namespace larkspur::model3d
