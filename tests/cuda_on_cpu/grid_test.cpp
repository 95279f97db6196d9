// SPDX-License-Identifier: Apache-2.0
// What the emulation sees, shown by kernels that do it wrong.
#include "tests/cuda_on_cpu/grid.h"

#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "pipeline/ops/kernel.cuh"
#include "tests/cuda_on_cpu/every_order.h"

namespace larkspur::cuda_on_cpu {
namespace {

using pipeline::launch_kernel;
using pipeline::SharedArray;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kThreads = 64;

int thread_index() { return static_cast<int>(threadIdx.x); }

__global__ void reverse_kernel(int* values) {
  __shared__ SharedArray<int, kThreads> all;
  all.put(thread_index(), values[threadIdx.x]);
  __syncthreads();
  values[threadIdx.x] = all.get(kThreads - 1 - thread_index());
}

__global__ void reverse_without_barrier(int* values) {
  __shared__ SharedArray<int, kThreads> all;
  all.put(thread_index(), values[threadIdx.x]);
  values[threadIdx.x] = all.get(kThreads - 1 - thread_index());
}

/// Lanes of a warp only, so a meeting of the warp is enough.
__global__ void reverse_in_warps(int* values) {
  __shared__ SharedArray<int, kThreads> all;
  all.put(thread_index(), values[threadIdx.x]);
  __syncwarp();
  values[threadIdx.x] = all.get(thread_index() / 32 * 32 + 31 - thread_index() % 32);
}

__global__ void shift_in_place_without_second_barrier(int* values) {
  __shared__ SharedArray<int, kThreads> all;
  all.put(thread_index(), values[threadIdx.x]);
  __syncthreads();
  all.put(thread_index(), all.get((thread_index() + 1) % kThreads));
}

__global__ void read_unwritten(int* values) {
  __shared__ SharedArray<int, kThreads> all;
  if (threadIdx.x != 5) all.put(thread_index(), 1);
  __syncthreads();
  values[threadIdx.x] = all.get(thread_index());
}

__global__ void read_outside(int* values) {
  __shared__ SharedArray<int, kThreads> all;
  all.put(thread_index(), 1);
  __syncthreads();
  values[threadIdx.x] = all.get(thread_index() + 1);
}

__global__ void miss_barrier(int* /*values*/) {
  if (threadIdx.x == 3) return;
  __syncthreads();
}

__global__ void part_at_another_barrier(int* /*values*/) {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

__global__ void wait_for_each_other(int* /*values*/) {
  if (threadIdx.x % 2 == 0) {
    __syncthreads();
  } else {
    __syncwarp();
  }
}

__global__ void add_lanes(int* values) {
  int sum = values[threadIdx.x];
  for (int by = 16; by > 0; by /= 2) sum += __shfl_xor_sync(~0U, sum, by);
  values[threadIdx.x] = sum;
}

std::vector<int> counted() {
  std::vector<int> values(kThreads);
  std::iota(values.begin(), values.end(), 0);
  return values;
}

std::vector<std::string> findings_of(void (*kernel)(int*)) {
  std::vector<int> values = counted();
  launch_kernel("[test]", kernel, dim3(1), kThreads, nullptr, values.data());
  return take_findings();
}

TEST(Grid, RunsAKernelWithABarrierInEveryOrder) {
  std::vector<int> expected = counted();
  std::reverse(expected.begin(), expected.end());
  in_every_order([&] {
    std::vector<int> values = counted();
    launch_kernel("[test]", reverse_kernel, dim3(1), kThreads, nullptr, values.data());
    EXPECT_EQ(values, expected);
  });
}

TEST(Grid, RunsWarpsInEveryOrder) {
  in_every_order([&] {
    std::vector<int> values = counted();
    launch_kernel("[test]", add_lanes, dim3(1), kThreads, nullptr, values.data());
    for (int i = 0; i < kThreads; ++i)
      EXPECT_EQ(values[static_cast<std::size_t>(i)], i < 32 ? 496 : 1520);
    launch_kernel("[test]", reverse_in_warps, dim3(1), kThreads, nullptr, values.data());
  });
}

TEST(Grid, SeesARaceInEveryOrder) {
  for (const Order order : {Order::kForward, Order::kBackward, Order::kShuffled}) {
    set_order(order);
    EXPECT_THAT(findings_of(reverse_without_barrier), Contains(HasSubstr("no barrier between")));
    EXPECT_THAT(findings_of(shift_in_place_without_second_barrier),
                Contains(HasSubstr("no barrier between")));
  }
  set_order(Order::kForward);
}

TEST(Grid, SeesWhatWasNeverWrittenAndWhatLiesOutside) {
  EXPECT_THAT(findings_of(read_unwritten), ::testing::ElementsAre(HasSubstr("never written")));
  EXPECT_THAT(
      findings_of(read_outside),
      ::testing::ElementsAre(HasSubstr("thread 63 reads element 64 of a shared array of 64")));
}

TEST(Grid, SeesBarriersThatAreMissedOrMixed) {
  EXPECT_THAT(findings_of(miss_barrier), Contains(HasSubstr("others wait at the barrier")));
  EXPECT_THAT(findings_of(part_at_another_barrier), Contains(HasSubstr("others at that of line")));
  EXPECT_THAT(findings_of(wait_for_each_other), Contains(HasSubstr("deadlock")));
  EXPECT_THAT(findings_of(reverse_kernel), IsEmpty()) << "the machine goes on after a deadlock";
}

TEST(Grid, RefusesSizesThatNoGpuTakes) {
  int value = 0;
  const auto launch = [&](dim3 blocks, int threads) {
    launch_kernel("[test]", miss_barrier, blocks, threads, nullptr, &value);
  };
  EXPECT_THROW(launch(dim3(1), 2048), pipeline::Error);
  EXPECT_THROW(launch(dim3(1, 65536), 32), pipeline::Error);
  EXPECT_THROW(launch(dim3(0), 32), pipeline::Error);
  EXPECT_THROW(launch(dim3(1), 33), pipeline::Error);
}

}  // namespace
}  // namespace larkspur::cuda_on_cpu
