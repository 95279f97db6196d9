// SPDX-License-Identifier: Apache-2.0
// The lane tree's two operations as work of the fake compute stream, slow enough that whatever is
// not ordered behind them comes too early. In place of distributed/flat_sums.cpp.
#include <chrono>
#include <cstring>
#include <thread>

#include "distributed/flat_sums.h"
#include "tests/nccl_on_cpu/fake_cuda.h"

namespace larkspur::distributed {
namespace {

constexpr auto kKernel = std::chrono::microseconds(100);

std::int64_t elements = 0;  // the host queues from one thread

}  // namespace

void FlatSums::copy(float* to, const float* from, std::int64_t count) const {
  elements += count;
  nccl_on_cpu::queue_on_compute([=] {
    std::this_thread::sleep_for(kKernel);
    std::memcpy(to, from, sizeof(float) * static_cast<std::size_t>(count));
  });
}

void FlatSums::add(float* sum, const float* summand, std::int64_t count) const {
  elements += count;
  nccl_on_cpu::queue_on_compute([=] {
    std::this_thread::sleep_for(kKernel);
    for (std::int64_t i = 0; i < count; ++i) sum[i] += summand[i];
  });
}

}  // namespace larkspur::distributed

std::int64_t larkspur::nccl_on_cpu::flat_sum_elements() { return larkspur::distributed::elements; }
