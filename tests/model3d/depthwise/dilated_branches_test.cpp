// SPDX-License-Identifier: Apache-2.0
#include "model3d/depthwise/dilated_branches.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"

namespace larkspur::model3d {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> branch_names(const Extent3& taps) {
  std::vector<std::string> names;
  for (const DilatedBranch& branch : default_branches(taps)) {
    names.push_back(branch_name(branch, taps));
  }
  return names;
}

TEST(DilatedBranches, OfAPictureHaveThePublishedNames) {
  EXPECT_THAT(branch_names({1, 17, 17}), ElementsAre("k5_1", "k9_2", "k3_4", "k3_5", "k3_7"));
  EXPECT_THAT(branch_names({1, 13, 13}), ElementsAre("k5_1", "k7_2", "k3_3", "k3_4", "k3_5"));
  EXPECT_THAT(branch_names({1, 7, 7}), ElementsAre("k5_1", "k3_2", "k3_3"));
}

TEST(DilatedBranches, OfACubeFollowTheTableOnAllAxes) {
  EXPECT_THAT(branch_names({13, 13, 13}), ElementsAre("k5_1", "k7_2", "k3_3", "k3_4", "k3_5"));
  EXPECT_EQ(default_branches({13, 13, 13})[1], (DilatedBranch{{7, 7, 7}, {2, 2, 2}}));
}

TEST(DilatedBranches, OfAClipAreShortInTime) {
  EXPECT_THAT(default_branches({5, 13, 13}),
              ElementsAre(DilatedBranch{{3, 5, 5}, {1, 1, 1}},
                          DilatedBranch{{3, 7, 7}, {1, 2, 2}},
                          DilatedBranch{{3, 3, 3}, {1, 3, 3}},
                          DilatedBranch{{3, 3, 3}, {2, 4, 4}},
                          DilatedBranch{{3, 3, 3}, {2, 5, 5}}));
  EXPECT_THAT(branch_names({5, 7, 7}), ElementsAre("k3x5x5_1x1x1", "k3x3x3_1x2x2", "k3x3x3_1x3x3"));
}

TEST(DilatedBranches, NeverReachBeyondTheLargeKernel) {
  for (const std::int64_t time : {1, 3, 5, 7}) {
    for (const std::int64_t space : {7, 9, 11, 13, 15, 17}) {
      for (const DilatedBranch& branch : default_branches({time, space, space})) {
        const Extent3 span = reach(branch.taps, branch.rate);
        EXPECT_LE(span[0], time) << space;
        EXPECT_LE(span[2], space) << space;
      }
    }
  }
}

/// The rule of the header, by trying every rate.
TEST(DilatedBranches, HaveOnAShorterAxisTheLargestRateThatTheRuleAllows) {
  for (const std::int64_t space : {7, 9, 11, 13, 15, 17}) {
    const auto published = default_branches({1, space, space});
    for (std::int64_t time = 3; time < space; time += 2) {
      const auto branches = default_branches({time, space, space});
      ASSERT_EQ(branches.size(), published.size());
      for (std::size_t i = 0; i < branches.size(); ++i) {
        std::int64_t best = 0;
        for (std::int64_t rate = 1; 3 * (rate - 1) < published[i].rate[1]; ++rate) {
          if (2 * rate + 1 <= time) best = rate;
        }
        EXPECT_EQ(branches[i].taps[0], 3);
        EXPECT_EQ(branches[i].rate[0], best) << time << " of " << space;
        EXPECT_EQ(branches[i].taps[1], published[i].taps[1]);
        EXPECT_EQ(branches[i].rate[2], published[i].rate[2]);
      }
    }
  }
}

TEST(DilatedBranches, OfOneKernelHaveDifferentNames) {
  for (const Extent3& taps : {Extent3{5, 17, 17}, Extent3{17, 17, 17}, Extent3{9, 1, 9}}) {
    const auto names = branch_names(taps);
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  }
}

TEST(DilatedBranches, RefuseAKernelThatIsNotInTheTable) {
  const auto text_of_refusal = [](const char* text) {
    return ::testing::ThrowsMessage<pipeline::Error>(::testing::HasSubstr(text));
  };
  EXPECT_THAT([] { default_branches({5, 19, 19}); }, text_of_refusal("5x19x19"));
  EXPECT_THAT([] { default_branches({4, 13, 13}); }, text_of_refusal("even axis"));
}

}  // namespace
}  // namespace larkspur::model3d
