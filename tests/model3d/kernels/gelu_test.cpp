// SPDX-License-Identifier: Apache-2.0
// GELU and its derivative in vectors against the error function of the standard library, in
// float64.
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "model3d/kernels/instruction_set.h"
#include "model3d/ops/channel_mixer/channel_mixer_loops.h"

namespace larkspur::model3d {
namespace {

struct Curve {
  std::vector<float> value, slope;
};

Curve gelu_of(const std::vector<float>& x, InstructionSet set) {
  const MixerLoops& loops = mixer_loops(set);
  Curve curve{std::vector<float>(x.size(), NAN), std::vector<float>(x.size(), NAN)};
  const auto columns = static_cast<std::int64_t>(x.size());
  loops.gelu_and_slope(curve.value.data(), curve.slope.data(), x.data(), {1, columns});
  return curve;
}

double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

TEST(Gelu, FollowsTheErrorFunctionInEveryInstructionSet) {
  std::vector<float> x;
  for (int i = -400'000; i <= 400'000; ++i) x.push_back(static_cast<float>(i) * 5e-5F);
  for (const InstructionSet set : instruction_sets()) {
    const Curve curve = gelu_of(x, set);

    double worst_value = 0.0;
    double worst_slope = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double at = x[i];
      const double density = std::exp(-at * at / 2) / std::sqrt(2 * std::acos(-1.0));
      const double size = std::max(1.0, std::abs(at));
      worst_value = std::max(worst_value, std::abs(curve.value[i] - at * normal_cdf(at)) / size);
      worst_slope = std::max(worst_slope, std::abs(curve.slope[i] - normal_cdf(at) - at * density));
    }
    EXPECT_LT(worst_value, 2e-7) << static_cast<int>(set);
    EXPECT_LT(worst_slope, 4e-7) << static_cast<int>(set);
  }
}

TEST(Gelu, EndsInZeroAndTheIdentityAndKeepsWhatIsNotANumber) {
  const float infinite = std::numeric_limits<float>::infinity();
  const std::vector<float> x{-1e30F, -14.0F, 0.0F, 14.0F, 1e30F, infinite, NAN};
  for (const InstructionSet set : instruction_sets()) {
    const Curve curve = gelu_of(x, set);

    EXPECT_NEAR(curve.value[0] / x[0], 0.0F, 1e-37F);
    EXPECT_NEAR(curve.value[1], 0.0F, 1e-36F);
    EXPECT_EQ(curve.value[2], 0.0F);
    EXPECT_EQ(curve.value[3], 14.0F);
    EXPECT_EQ(curve.value[4], 1e30F);
    EXPECT_EQ(curve.value[5], infinite);
    EXPECT_TRUE(std::isnan(curve.value[6]));
    EXPECT_EQ(curve.slope[3], 1.0F);
    EXPECT_TRUE(std::isnan(curve.slope[6]));
  }
}

}  // namespace
}  // namespace larkspur::model3d
