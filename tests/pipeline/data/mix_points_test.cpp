// SPDX-License-Identifier: Apache-2.0
#include "pipeline/data/mix_points.h"

#include <algorithm>
#include <set>
#include <vector>

#include <ATen/ops/add.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "pipeline/data/mix.h"
#include "pipeline/error.h"

namespace larkspur::pipeline {
namespace {

constexpr std::int64_t kPoints = 65;

/// Points along x from `begin`, one apart: a piece of it is an interval.
at::Tensor line_from(double begin) {
  const at::Tensor x = at::add(at::arange(kPoints, at::kFloat), at::full({kPoints}, begin));
  const at::Tensor zeros = at::zeros({kPoints});
  return at::stack({x, zeros, zeros}, 1);
}

/// x of the points, in their order.
std::vector<float> along(const at::Tensor& cloud) {
  const at::Tensor x = cloud.select(1, 0).contiguous();
  return {x.const_data_ptr<float>(), x.const_data_ptr<float>() + x.numel()};
}

CounterRng rng_of(std::uint32_t sample) {
  return {SampleKey{3, 1, sample, 0}, Purpose::kMixPoints};
}

/// Places of the other cloud's points that came in; checks that the rest stayed where it was.
std::vector<int> came_in(const at::Tensor& mixed) {
  std::vector<int> places;
  const std::vector<float> x = along(mixed);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] >= 1000.0F) {
      places.push_back(static_cast<int>(x[i] - 1000.0F));
    } else {
      EXPECT_EQ(x[i], static_cast<float>(i));
    }
  }
  return places;
}

TEST(MixPoints, TakesSoManyOfTheOtherCloudNoneTwice) {
  const at::Tensor own = line_from(0.0);
  const at::Tensor other = line_from(1000.0);
  for (const PointsMixed how : {PointsMixed::kAnywhere, PointsMixed::kPiece}) {
    for (const std::int64_t given : {0, 1, 20, 63, 64}) {
      CounterRng rng = rng_of(5);
      const std::vector<int> places = came_in(mix_points(own, other, given, how, rng));
      EXPECT_EQ(std::ssize(places), given);
      EXPECT_EQ(std::ssize(std::set<int>(places.begin(), places.end())), given);
      EXPECT_TRUE(std::ranges::is_sorted(places));
    }
  }
  EXPECT_TRUE(at::equal(own, line_from(0.0)));
}

TEST(MixPoints, APieceIsWhatLiesRoundADrawnPointInBoth) {
  std::set<int> begins;
  for (std::uint32_t sample = 0; sample < 40; ++sample) {
    CounterRng rng = rng_of(sample);
    const at::Tensor mixed =
        mix_points(line_from(0.0), line_from(1000.0), 16, PointsMixed::kPiece, rng);
    const std::vector<int> places = came_in(mixed);
    EXPECT_EQ(places.back() - places.front(), 15);  // an interval of the line
    begins.insert(places.front());
    const std::vector<float> x = along(mixed);
    const auto is_new = [](float at) { return at >= 1000.0F; };
    const auto first = std::ranges::find_if(x, is_new);
    EXPECT_TRUE(std::all_of(first, first + 16, is_new));  // and so is what it replaces
  }
  EXPECT_GT(begins.size(), 15U);
}

TEST(MixPoints, AnywhereIsEveryPlaceAlike) {
  std::vector<int> counts(kPoints, 0);
  for (std::uint32_t sample = 0; sample < 2000; ++sample) {
    CounterRng rng = rng_of(sample);
    const auto how = PointsMixed::kAnywhere;
    for (const int place : came_in(mix_points(line_from(0.0), line_from(1000.0), 16, how, rng))) {
      ++counts[static_cast<std::size_t>(place)];
    }
  }
  // 492 each, deviation 19.
  for (const int count : counts) EXPECT_NEAR(count, 492, 100);
}

TEST(MixPoints, RefusesOtherShapesAndCounts) {
  CounterRng rng = rng_of(1);
  const at::Tensor line = line_from(0.0);
  EXPECT_THROW(mix_points(line, line.narrow(0, 0, 8), 2, PointsMixed::kPiece, rng), Error);
  EXPECT_THROW(mix_points(line, line, kPoints + 1, PointsMixed::kPiece, rng), Error);
  EXPECT_THROW(mix_points(line, line, -1, PointsMixed::kAnywhere, rng), Error);
}

/// A lane of `count` lines, 1,000 apart.
Batch lane_of_lines(std::int64_t count) {
  std::vector<Sample> samples;
  std::vector<SampleKey> keys;
  for (std::int64_t i = 0; i < count; ++i) {
    samples.push_back({{{"points", line_from(1000.0 * static_cast<double>(i))}}, {i}});
    keys.push_back({7, 1, static_cast<std::uint32_t>(i), 0});
  }
  return collate(samples, keys, {});
}

TEST(Mix, OfCloudsSharesLabelsAsPoints) {
  for (const MixOptions options :
       {MixOptions{0.8, 0.0}, MixOptions{0.0, 1.0}, MixOptions{0.8, 1.0}, MixOptions{1e6, 0.0}}) {
    Batch batch = lane_of_lines(6);
    mix_lane({options}, batch);
    bool any = false;
    for (std::int64_t i = 0; i < 6; ++i) {
      const std::int64_t partner = (i + 1) % 6;
      EXPECT_EQ(batch.partner_labels[i].item<std::int64_t>(), partner);
      int own = 0;
      int given = 0;
      for (const float x : along(batch.inputs["points"][i])) {
        const auto cloud = static_cast<std::int64_t>(x) / 1000;
        own += cloud == i ? 1 : 0;
        given += cloud == partner ? 1 : 0;
      }
      EXPECT_EQ(own + given, kPoints);
      EXPECT_GE(own, given);
      EXPECT_FLOAT_EQ(batch.own_share[i].item<float>(), static_cast<float>(own) / kPoints);
      any = any || given > 0;
    }
    EXPECT_TRUE(any);
  }
}

}  // namespace
}  // namespace larkspur::pipeline
