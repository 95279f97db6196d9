// SPDX-License-Identifier: Apache-2.0
#include "pipeline/norm/moments.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/randn.h>
#include <gmock/gmock.h>

#include "pipeline/error.h"

namespace larkspur::pipeline {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

TEST(Moments, OfATensorAreThoseOfEachChannel) {
  const at::Tensor x = at::randn({3, 2, 5, 4}) * 3 + 7;
  const Moments moments = moments_of(x.movedim(1, -1).contiguous().movedim(-1, 1));
  EXPECT_EQ(moments.count, 60.0);
  for (std::int64_t c = 0; c < 2; ++c) {
    const at::Tensor channel = x.select(1, c).to(at::kDouble).flatten();
    const double mean = channel.sum().item<double>() / 60.0;
    const double squares = (channel - mean).square().sum().item<double>();
    EXPECT_NEAR(moments.mean[static_cast<std::size_t>(c)], mean, 1e-5);
    EXPECT_NEAR(moments.squares[static_cast<std::size_t>(c)], squares, 1e-4 * squares);
  }
}

TEST(Moments, JoinedAreThoseOfAllValuesEvenFarFromZero) {
  // 1e6 + {1, 2, 3} and 1e6 + {4, 8}: mean 1e6 + 3.6, squares 29.2.
  Moments all{3.0, {1e6 + 2.0}, {2.0}};
  all.join({2.0, {1e6 + 6.0}, {8.0}});
  EXPECT_EQ(all.count, 5.0);
  EXPECT_THAT(all.mean, ElementsAre(DoubleNear(1e6 + 3.6, 1e-9)));
  EXPECT_THAT(all.squares, ElementsAre(DoubleNear(29.2, 1e-9)));
  EXPECT_THAT(all.variance(), ElementsAre(DoubleNear(5.84, 1e-9)));
  EXPECT_THAT(all.unbiased(), ElementsAre(DoubleNear(7.3, 1e-9)));
}

TEST(Moments, TheFirstToBeJoinedIsTakenAsItIs) {
  Moments all;
  all.join({3.0, {0.1, 0.2}, {0.3, 0.4}});
  EXPECT_EQ(all.count, 3.0);
  EXPECT_THAT(all.mean, ElementsAre(0.1, 0.2));
  EXPECT_THAT(all.squares, ElementsAre(0.3, 0.4));
}

TEST(Moments, OtherNumbersOfChannelsAreRefused) {
  Moments all{3.0, {1.0}, {2.0}};
  EXPECT_THROW(all.join({3.0, {1.0, 1.0}, {2.0, 2.0}}), Error);
}

TEST(Moments, GoIntoARowAndComeBack) {
  std::vector<double> row;
  append(row, {3.0, {0.1, 0.2}, {0.3, 0.4}});
  append(row, {5.0, {7.0}, {9.0}});
  std::span<const double> rest(row);
  EXPECT_THAT(take(rest, 2).squares, ElementsAre(0.3, 0.4));
  EXPECT_THAT(take(rest, 1).mean, ElementsAre(7.0));
  EXPECT_TRUE(rest.empty());
  EXPECT_THROW(take(rest, 1), Error);
}

}  // namespace
}  // namespace larkspur::pipeline
