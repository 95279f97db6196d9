// SPDX-License-Identifier: Apache-2.0
#include "pipeline/device_memory.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/refusal.h"

namespace larkspur::pipeline {
namespace {

using ::testing::HasSubstr;

/// Of a device that only counts.
class CountingAllocator : public c10::DeviceAllocator {
 public:
  c10::DataPtr allocate(size_t /*bytes*/) override { return {}; }
  void copy_data(void* /*to*/, const void* /*from*/, std::size_t /*bytes*/) const override {}
  bool initialized() override { return true; }
  void emptyCache(c10::MempoolId_t /*pool*/) override {}
  void recordStream(const c10::DataPtr& /*data*/, c10::Stream /*stream*/) override {}
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex /*device*/) override {
    return stats;
  }
  void resetAccumulatedStats(c10::DeviceIndex /*device*/) override {}
  void resetPeakStats(c10::DeviceIndex /*device*/) override {}

  c10::CachingDeviceAllocator::DeviceStats stats;
};

TEST(MemoryShortage, NamesTheStepInWhichAnAllocationFailed) {
  static CountingAllocator allocator;
  allocator.stats.num_ooms = 3;
  c10::SetAllocator(c10::kPrivateUse1, &allocator);
  MemoryShortage memory(at::Device(c10::kPrivateUse1, 0));
  EXPECT_NO_THROW(memory.require_none(1)) << "what was before is not the run's";
  allocator.stats.num_ooms = 5;
  const auto refusal = testing::refusal_of([&] { memory.require_none(2); });
  EXPECT_EQ(refusal.code, "device");
  EXPECT_THAT(refusal.text, HasSubstr("step 2: GPU memory ran out 2 times"));
  EXPECT_NO_THROW(memory.require_none(3));
}

TEST(MemoryShortage, IsNoMatterOnACpu) {
  MemoryShortage memory(at::kCPU);
  EXPECT_NO_THROW(memory.require_none(1));
}

}  // namespace
}  // namespace larkspur::pipeline
