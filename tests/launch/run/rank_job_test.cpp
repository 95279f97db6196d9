// SPDX-License-Identifier: Apache-2.0
// The choice of a transport; jobs of many ranks are in tests/system, those on GPUs in tests/gpu.
#include "launch/run/rank_job.h"

#include <gtest/gtest.h>

#include "tests/support/refusal.h"

namespace larkspur::launch {
namespace {

using testing::refusal_of;

std::string told_on(const std::string& uuid, const std::string& host_id = "", bool nccl = true) {
  return tell_transport({c10::Device(c10::kCUDA, 0), "a GPU", uuid}, nccl, host_id);
}

/// As where CUDA_VISIBLE_DEVICES leaves each rank one GPU, which it then calls the first.
TEST(Transport, IsNcclWhereEachRankHasAGpuOfItsOwn) {
  EXPECT_EQ(common_transport({told_on("a0"), told_on("a1"), told_on("a2")}), "nccl");
}

TEST(Transport, IsStagedWhereAnyTwoRanksShareAGpu) {
  EXPECT_EQ(common_transport({told_on("a0"), told_on("a1"), told_on("a0")}), "staged");
}

TEST(Transport, HostsThatAreMadeToLookDifferentMayShareAGpu) {
  EXPECT_EQ(common_transport({told_on("a0", "x"), told_on("a0", "y")}), "nccl");
  EXPECT_EQ(common_transport({told_on("a0", "x"), told_on("a0", "x")}), "staged");
}

TEST(Transport, IsStagedWhereOneRankHasNoNccl) {
  EXPECT_EQ(common_transport({told_on("a0"), told_on("a1", "", /*nccl=*/false)}), "staged");
}

TEST(Transport, IsTheHostsOnCpusAndNothingForBothKinds) {
  const std::string cpu = tell_transport({}, /*nccl_is_there=*/true, "x");
  EXPECT_EQ(common_transport({cpu, cpu}), "host");
  for (const auto& told : {std::vector{cpu, told_on("a0")}, std::vector{told_on("a0"), cpu}}) {
    const auto refusal = refusal_of([&told = told] { common_transport(told); });
    EXPECT_EQ(refusal.code, "invalid argument");
  }
}

}  // namespace
}  // namespace larkspur::launch
