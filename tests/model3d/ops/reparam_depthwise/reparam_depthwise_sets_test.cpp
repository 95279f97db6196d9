// SPDX-License-Identifier: Apache-2.0
// The instruction sets against each other, on maps so small that samples are taken together.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <vector>

#include <gtest/gtest.h>

#include "model3d/kernels/instruction_set.h"
#include "model3d/ops/reparam_depthwise/reparam_depthwise_kernels.h"
#include "pipeline/rng.h"

namespace larkspur::model3d {
namespace {

constexpr ReparamShape kSmallMaps[] = {{2, 19, 1, 7, 7},
                                       {5, 19, 1, 7, 7},
                                       {4, 19, 3, 3, 3},
                                       {6, 19, 4, 4, 4},
                                       {3, 19, 1, 6, 6},
                                       {7, 19, 2, 5, 8},
                                       {2, 19, 1, 15, 13}};

struct SetKernel {
  std::int64_t taps, rate;
};
constexpr SetKernel kSetBranches[] = {{7, 1}, {5, 1}, {3, 2}, {3, 3}};

/// Operands of both passes and room for what they give: everything that is floats, in pieces.
class ReparamSets {
 public:
  explicit ReparamSets(const ReparamShape& shape)
      : shape_(shape), rng_({1, 0, 0, 0}, pipeline::Purpose::kSynthetic) {
    const std::int64_t maps = shape.n * shape.c * shape.d * shape.h * shape.w;
    x_ = any(maps);
    du_ = any(maps);
    dmeans_ = any(shape.n * shape.c);
    norm_ = {any(shape.c), any(shape.c), 1e-5};
    for (const auto& [taps, rate] : kSetBranches) {
      const std::int64_t depth = shape.d > 1 ? 3 : 1;
      branches_.push_back({any(shape.c * depth * taps * taps),
                           {depth, taps, taps},
                           {1, rate, rate},
                           {any(shape.c), any(shape.c), 1e-5}});
    }
  }

  /// u, means, moments, all gradients.
  std::deque<std::vector<float>> run(InstructionSet set) const {
    std::deque<std::vector<float>> results;
    const auto room = [&](std::int64_t count) {
      return results.emplace_back(static_cast<std::size_t>(count), NAN).data();
    };
    const std::int64_t c = shape_.c;
    const std::int64_t maps = shape_.n * c * shape_.d * shape_.h * shape_.w;
    std::vector<ReparamMoments> moments;
    for (std::size_t i = 0; i <= branches_.size(); ++i) moments.push_back({room(c), room(c)});
    const ReparamCall call{shape_,
                           x_,
                           branches_.data(),
                           static_cast<std::int64_t>(branches_.size()),
                           norm_,
                           moments.data(),
                           /*has_moments=*/false};
    reparam_depthwise_forward_cpu(room(maps), room(shape_.n * c), call, &set);
    std::vector<ReparamBranchGradients> gradients;
    for (const ReparamBranchPlain& branch : branches_) {
      const std::int64_t taps = branch.taps[0] * branch.taps[1] * branch.taps[2];
      gradients.push_back({room(c * taps), room(c), room(c)});
    }
    reparam_depthwise_backward_cpu(
        room(maps), gradients.data(), room(c), room(c), du_, dmeans_, call, &set);
    return results;
  }

 private:
  const float* any(std::int64_t count) {
    std::vector<float>& values = operands_.emplace_back();
    for (std::int64_t i = 0; i < count; ++i) {
      values.push_back(static_cast<float>(rng_.uniform(-1.0, 1.5)));
    }
    return values.data();
  }

  ReparamShape shape_;
  pipeline::CounterRng rng_;
  std::deque<std::vector<float>> operands_;
  const float *x_, *du_, *dmeans_;
  ReparamNorm norm_{};
  std::vector<ReparamBranchPlain> branches_;
};

float furthest(const std::vector<float>& a, const std::vector<float>& b) {
  float size = 1.0F;
  float apart = 0.0F;
  for (std::size_t i = 0; i < a.size(); ++i) {
    size = std::max(size, std::abs(a[i]));
    apart = std::max(apart, std::abs(a[i] - b[i]));
  }
  return apart / size;
}

bool are_same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(ReparamDepthwiseSets, AgreeInBitsWhereTheyFuseOnSmallMaps) {
  const InstructionSet fastest = fastest_instruction_set();
  for (const ReparamShape& shape : kSmallMaps) {
    const ReparamSets work(shape);
    const auto expected = work.run(fastest);
    for (const InstructionSet set : instruction_sets()) {
      const bool fuse = set != InstructionSet::kPortable && fastest != InstructionSet::kPortable;
      SCOPED_TRACE(testing::Message() << shape.n << " of " << shape.d << "x" << shape.h << "x"
                                      << shape.w << ", set " << static_cast<int>(set));
      const auto got = work.run(set);
      ASSERT_EQ(got.size(), expected.size());
      for (std::size_t i = 0; i < got.size(); ++i) {
        EXPECT_LT(furthest(expected[i], got[i]), 1e-4F) << "result " << i;
        EXPECT_TRUE(!fuse || are_same_bits(expected[i], got[i])) << "result " << i;
      }
    }
  }
}

}  // namespace
}  // namespace larkspur::model3d
