// SPDX-License-Identifier: Apache-2.0
#include "pipeline/device_memory.h"

#include <utility>

#include <c10/core/CachingDeviceAllocator.h>

#include "pipeline/require.h"

namespace larkspur::pipeline {

MemoryShortage::MemoryShortage(at::Device device) : device_(device), seen_(failures()) {}

std::int64_t MemoryShortage::failures() const {
  if (device_.is_cpu()) return 0;
  auto* allocator = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(device_.type()));
  if (allocator == nullptr || !allocator->initialized()) return 0;
  return allocator->getDeviceStats(device_.index()).num_ooms;
}

void MemoryShortage::require_none(std::int64_t step) {
  const std::int64_t now = failures();
  const std::int64_t before = std::exchange(seen_, now);
  require(now == before,
          Errc::kDevice,
          "step ",
          step,
          ": GPU memory ran out ",
          now - before,
          " times and other algorithms were taken, which may change bits on this rank alone: lower "
          "train.global_batch or raise train.lanes");
}

}  // namespace larkspur::pipeline
