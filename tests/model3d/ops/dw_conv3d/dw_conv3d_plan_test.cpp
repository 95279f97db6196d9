// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/dw_conv3d/dw_conv3d_plan.h"

#include <gtest/gtest.h>

namespace larkspur::model3d {
namespace {

constexpr DwConv3dRegisters kWide{16, 16, 16, 32};
constexpr DwConv3dRegisters kNarrow{4, 10, 10, 16};

DwConv3dShape cube(std::int64_t n, std::int64_t size, std::int64_t taps, std::int64_t rate) {
  constexpr auto kFirst = DwConv3dLayout::kChannelsFirst;
  return {n, 16, size, size, size, taps, taps, taps, rate, rate, rate, kFirst};
}

TEST(DwConv3dPlan, TapsBeyondTheMapAreCutAway) {
  const DwConv3dPlan plan = plan_correlation(cube(1, 4, 13, 1), kWide);

  EXPECT_EQ(plan.w.reach, 3);
  EXPECT_EQ(plan.w.taps, 7);
  EXPECT_EQ(plan.w.first_tap, 3);
}

TEST(DwConv3dPlan, ARateBeyondTheMapLeavesTheMiddleTap) {
  const DwConv3dPlan plan = plan_correlation(cube(1, 4, 5, 4), kWide);

  EXPECT_EQ(plan.d.taps, 1);
  EXPECT_EQ(plan.d.first_tap, 2);
}

TEST(DwConv3dPlan, FewTapsAreWalkedByTapWithXPadded) {
  const DwConv3dPlan plan = plan_correlation(cube(1, 16, 3, 6), kWide);

  EXPECT_EQ(plan.form, DwConv3dForm::kByTap);
  EXPECT_EQ(plan.x_pad, 6);
  EXPECT_EQ(plan.x_pitch, 28);
  EXPECT_EQ(plan.k_pitch, 3);
}

TEST(DwConv3dPlan, MoreTapsThanPositionsAreWalkedByInputWithTapsPadded) {
  const DwConv3dPlan plan = plan_correlation(cube(1, 8, 15, 1), kWide);

  EXPECT_EQ(plan.form, DwConv3dForm::kByInput);
  EXPECT_EQ(plan.x_pitch, 8);
  EXPECT_EQ(plan.k_pad, 7);
  EXPECT_EQ(plan.k_pitch, 15 + 2 * 7);
}

TEST(DwConv3dPlan, DilatedRowsAreNeverWalkedByInput) {
  EXPECT_EQ(plan_correlation(cube(1, 8, 13, 1), kNarrow).form, DwConv3dForm::kByInput);
  EXPECT_EQ(plan_correlation(cube(1, 8, 13, 2), kNarrow).form, DwConv3dForm::kByTap);
}

TEST(DwConv3dPlan, ARowOfTapsIsHeldWhereRegistersAreLeft) {
  const DwConv3dPlan plan = plan_correlation(cube(1, 16, 13, 1), kWide);

  EXPECT_EQ(plan.form, DwConv3dForm::kHeld);
  EXPECT_EQ(plan.block, 16);
  EXPECT_EQ(plan.x_pad, 0);
  EXPECT_EQ(plan.k_pad, 0);
  EXPECT_EQ(plan_correlation(cube(1, 10, 3, 1), kNarrow).form, DwConv3dForm::kHeld);
  EXPECT_EQ(plan_correlation(cube(1, 10, 5, 1), kNarrow).form, DwConv3dForm::kByTap);
}

TEST(DwConv3dPlan, DilatedRowsOfBranchesAreHeldAsTheyAre) {
  const DwConv3dPlan plan = plan_correlation(cube(1, 28, 7, 2), kWide);

  ASSERT_EQ(plan.form, DwConv3dForm::kHeld);
  EXPECT_EQ(kDwConv3dRows[plan.row].reach, 3);
  EXPECT_EQ(kDwConv3dRows[plan.row].rate, 2);
  EXPECT_EQ(plan.x_pad, 0);
  EXPECT_EQ(plan_weight_gradient(cube(1, 8, 7, 2), kWide).form, DwConv3dForm::kHeld);
  EXPECT_EQ(plan_correlation(cube(1, 20, 9, 2), kWide).form, DwConv3dForm::kHeld);
  EXPECT_EQ(plan_correlation(cube(1, 18, 3, 7), kWide).form, DwConv3dForm::kHeld);
  EXPECT_EQ(plan_weight_gradient(cube(1, 20, 9, 2), kWide).form, DwConv3dForm::kHeld);
  EXPECT_EQ(plan_correlation(cube(1, 34, 9, 3), kWide).form, DwConv3dForm::kByTap);
}

TEST(DwConv3dPlan, FewTapsAreTakenFromMapsAsTheyLie) {
  DwConv3dShape shape = cube(1, 16, 3, 1);
  EXPECT_EQ(plan_correlation(shape, kWide).way, DwConv3dWay::kRows);
  EXPECT_EQ(plan_correlation(cube(1, 15, 3, 1), kWide).way, DwConv3dWay::kPacked);
  EXPECT_EQ(plan_correlation(cube(1, 16, 3, 2), kWide).way, DwConv3dWay::kPacked);
  EXPECT_EQ(plan_correlation(cube(1, 16, 5, 1), kWide).way, DwConv3dWay::kPacked);
  shape.layout = DwConv3dLayout::kChannelsLast;
  EXPECT_EQ(plan_correlation(shape, kWide).way, DwConv3dWay::kPacked);
  shape.kh = shape.kw = 1;
  EXPECT_EQ(plan_correlation(shape, kWide).way, DwConv3dWay::kDepth);
  EXPECT_EQ(plan_weight_gradient(shape, kWide).way, DwConv3dWay::kPacked);
}

TEST(DwConv3dPlan, BlocksShorterThanTheReachHoldNoTaps) {
  EXPECT_EQ(plan_weight_gradient(cube(1, 18, 13, 1), kWide).form, DwConv3dForm::kHeld);
  EXPECT_EQ(plan_weight_gradient(cube(1, 17, 13, 1), kWide).form, DwConv3dForm::kByTap);
}

TEST(DwConv3dPlan, BlocksAreAsEqualAsTheyCanBeAndFitTheRegisters) {
  EXPECT_EQ(plan_correlation(cube(1, 28, 3, 1), kWide).block, 14);
  EXPECT_EQ(plan_correlation(cube(1, 28, 3, 1), kNarrow).block, 10);
  EXPECT_EQ(plan_correlation(cube(1, 12, 3, 1), kNarrow).block, 6);
}

TEST(DwConv3dPlan, ShortRowsOfSeveralSamplesGoTogether) {
  EXPECT_EQ(plan_correlation(cube(8, 4, 3, 1), kWide).samples, 4);
  EXPECT_EQ(plan_correlation(cube(3, 4, 3, 1), kWide).samples, 2);
  EXPECT_EQ(plan_correlation(cube(8, 8, 3, 1), kWide).samples, 2);
  EXPECT_EQ(plan_correlation(cube(8, 16, 3, 1), kWide).samples, 1);
}

TEST(DwConv3dPlan, PlanesOfTapsGoOneByOneWhereAllWouldNotStayInCache) {
  EXPECT_TRUE(plan_correlation(cube(1, 16, 13, 1), kWide).by_plane);
  EXPECT_FALSE(plan_correlation(cube(1, 4, 13, 1), kWide).by_plane);
}

TEST(DwConv3dPlan, TheWeightGradientHoldsBlocksThatDivideARow) {
  EXPECT_EQ(plan_weight_gradient(cube(1, 28, 13, 1), kWide).block, 14);
  EXPECT_EQ(plan_weight_gradient(cube(1, 18, 13, 1), kWide).block, 9);
  EXPECT_EQ(plan_weight_gradient(cube(1, 34, 5, 1), kWide).form, DwConv3dForm::kByTap);
}

TEST(DwConv3dPlan, RowsOfThreeTapsAreHeldThreeAtATimeWhereRegistersAreLeft) {
  EXPECT_EQ(plan_weight_gradient(cube(1, 16, 3, 1), kWide).tap_rows, 3);
  EXPECT_EQ(plan_weight_gradient(cube(1, 28, 3, 5), kWide).tap_rows, 3);
  EXPECT_EQ(plan_weight_gradient(cube(1, 16, 5, 1), kWide).tap_rows, 1);
  EXPECT_EQ(plan_weight_gradient(cube(1, 8, 3, 1), kNarrow).tap_rows, 1);
  EXPECT_EQ(plan_weight_gradient(cube(1, 8, 3, 1), kNarrow).form, DwConv3dForm::kHeld);
}

TEST(DwConv3dPlan, ThreeTapsAloneAreHeldOnShortRowsOnly) {
  DwConv3dShape rows = cube(1, 8, 3, 1);
  rows.kh = 1;
  EXPECT_EQ(plan_weight_gradient(rows, kWide).form, DwConv3dForm::kHeld);
  rows.w = 16;
  EXPECT_EQ(plan_weight_gradient(rows, kWide).form, DwConv3dForm::kByTap);
}

TEST(DwConv3dPlan, TheWeightGradientPadsXByItsWholeReach) {
  EXPECT_EQ(plan_weight_gradient(cube(1, 28, 13, 2), kWide).x_pad, 12);
}

}  // namespace
}  // namespace larkspur::model3d
