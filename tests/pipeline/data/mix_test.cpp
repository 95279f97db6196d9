// SPDX-License-Identifier: Apache-2.0
#include "pipeline/data/mix.h"

#include <cmath>

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"

namespace larkspur::pipeline {
namespace {

/// `count` samples [2, 3, 8, 10]; all values of sample i are 10^i, its label is i.
Batch lane_of(std::int64_t count) {
  std::vector<Sample> samples;
  std::vector<SampleKey> keys;
  double value = 1.0;
  for (std::int64_t i = 0; i < count; ++i, value *= 10.0) {
    samples.push_back({{{"voxels", at::full({2, 3, 8, 10}, value, at::kFloat)}}, {i}});
    keys.push_back({7, 1, static_cast<std::uint32_t>(i), 0});
  }
  return collate(samples, keys, {});
}

TEST(Mix, OffLeavesTheBatchAlone) {
  Batch batch = lane_of(3);
  const at::Tensor before = batch.inputs["voxels"];
  mix_lane({}, batch);
  EXPECT_TRUE(batch.inputs["voxels"].is_same(before));
  EXPECT_FALSE(batch.partner_labels.defined());
}

TEST(Mixup, BlendsEverySampleWithTheNextOneOfItsLane) {
  Batch batch = lane_of(4);
  mix_lane({{0.8, 0.0}}, batch);
  double value = 1.0;
  for (std::int64_t i = 0; i < 4; ++i, value *= 10.0) {
    const double next = i == 3 ? 1.0 : value * 10.0;
    const auto share = batch.own_share[i].item<double>();
    EXPECT_GE(share, 0.5);
    EXPECT_LE(share, 1.0);
    EXPECT_EQ(batch.labels[i].item<std::int64_t>(), i);
    EXPECT_EQ(batch.partner_labels[i].item<std::int64_t>(), (i + 1) % 4);
    const double want = share * value + (1.0 - share) * next;
    EXPECT_NEAR(batch.inputs["voxels"][i].min().item<double>(), want, 1e-4 * want);
    EXPECT_NEAR(batch.inputs["voxels"][i].max().item<double>(), want, 1e-4 * want);
  }
}

TEST(Mixup, OfSeveralViewsASampleTakesTheSameViewOfTheNextSample) {
  Batch batch = lane_of(6);  // three samples of two views
  mix_lane({{0.8, 0.0}, 2}, batch);
  for (std::int64_t i = 0; i < 6; ++i) {
    EXPECT_EQ(batch.partner_labels[i].item<std::int64_t>(), (i + 2) % 6);
  }
  Batch one = lane_of(2);  // two views of one sample, the others could not be read
  mix_lane({{0.8, 0.0}, 2}, one);
  EXPECT_EQ(one.inputs["voxels"][1].max().item<double>(), 10.0);
  EXPECT_EQ(one.own_share.min().item<double>(), 1.0);
}

TEST(Cutmix, PastesABoxOfTheNextSampleAndSharesLabelsByItsArea) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Batch batch = lane_of(3);
    for (SampleKey& key : batch.keys) key.seed = seed;
    mix_lane({{0.0, 1.0}}, batch);
    for (std::int64_t i = 0; i < 3; ++i) {
      const double own = std::pow(10.0, i);
      const double other = std::pow(10.0, (i + 1) % 3);
      const auto kept = batch.inputs["voxels"][i].eq(own).sum().item<double>();
      const auto pasted = batch.inputs["voxels"][i].eq(other).sum().item<double>();
      EXPECT_EQ(kept + pasted, 2.0 * 3 * 8 * 10);
      EXPECT_GE(kept, pasted);
      EXPECT_NEAR(batch.own_share[i].item<double>(), kept / (2.0 * 3 * 8 * 10), 1e-6);
      EXPECT_TRUE(at::equal(batch.inputs["voxels"][i][0][0],
                            batch.inputs["voxels"][i][1][2]));  // one box for all
    }
  }
}

TEST(Mix, SharesFollowTheFoldedBetaDistribution) {
  // Beta(1, 1) is uniform: folded it is uniform on [1/2, 1], mean 3/4, variance 1/48.
  // Beta(a, a) has variance 1 / (4 (2a + 1)); folding keeps the second moment about 1/2.
  for (const double a : {0.2, 1.0, 3.0}) {
    std::vector<SampleKey> keys;
    for (std::uint32_t i = 0; i < 20000; ++i) keys.push_back({3, 0, i, 0});
    double mean = 0.0;
    double second = 0.0;
    for (const MixPlan& plan : plan_mix({{a, 0.0}}, keys, 1, 1)) {
      mean += plan.own / 20000;
      second += (plan.own - 0.5) * (plan.own - 0.5) / 20000;
    }
    EXPECT_NEAR(second, 1.0 / (4 * (2 * a + 1)), 0.003) << a;
    if (a == 1.0) {
      EXPECT_NEAR(mean, 0.75, 0.005);
    }
  }
}

TEST(Mix, WithBothOnEachSampleDrawsOne) {
  std::vector<SampleKey> keys;
  for (std::uint32_t i = 0; i < 1000; ++i) keys.push_back({3, 0, i, 0});
  int cut = 0;
  for (const MixPlan& plan : plan_mix({{0.8, 1.0}}, keys, 64, 64)) cut += plan.cut ? 1 : 0;
  EXPECT_NEAR(cut, 500, 70);
}

TEST(Mix, IsKeyedByTheSampleNotByItsPlace) {
  const MixOptions options{0.8, 1.0};
  const SampleKey a{1, 2, 3, 0};
  const SampleKey b{1, 2, 4, 0};
  const std::vector<MixPlan> plans = plan_mix({options}, {a, b}, 32, 32);
  const std::vector<MixPlan> swapped = plan_mix({options}, {b, a}, 32, 32);
  EXPECT_EQ(plans[0].own, swapped[1].own);
  EXPECT_EQ(plans[1].box, swapped[0].box);
  EXPECT_NE(plans[0].own, plans[1].own);
}

TEST(Mix, ALaneOfOneIsLeftAlone) {
  Batch batch = lane_of(1);
  const at::Tensor before = batch.inputs["voxels"].clone();
  mix_lane({{0.8, 1.0}}, batch);
  EXPECT_TRUE(at::equal(batch.inputs["voxels"], before));
  EXPECT_EQ(batch.own_share.item<double>(), 1.0);
}

TEST(Mix, RefusesSamplesWithTwoInputsOrLabels) {
  Batch batch = lane_of(3);
  batch.inputs["views"] = at::full({3, 4}, 1.0);
  EXPECT_THROW(mix_lane({{.mixup = 1.0}}, batch), Error);
  mix_lane({}, batch);
  batch = lane_of(3);
  batch.labels = batch.labels.view({3, 1});
  EXPECT_THROW(mix_lane({{.mixup = 1.0}}, batch), Error);
}

TEST(Mix, RefusesNegativeParameters) {
  EXPECT_THROW((MixOptions{-0.1, 0.0}.check()), Error);
  EXPECT_THROW((MixOptions{0.0, -1.0}.check()), Error);
}

}  // namespace
}  // namespace larkspur::pipeline
