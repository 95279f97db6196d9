// SPDX-License-Identifier: Apache-2.0
// One group of channels of a batch, packed: what forward and backward share.
//
// A group's maps of all samples and branches fit second-level cache at the usual sizes (8 samples
// of 14 x 14 with six branches: 600 kB), so norms over the batch cost no trip to memory.
#pragma once

#include <cmath>
#include <vector>

#include "model3d/ops/dw_conv3d/dw_conv3d_packed.h"
#include "model3d/ops/reparam_depthwise/reparam_depthwise_kernels.h"
#include "model3d/ops/reparam_depthwise/reparam_depthwise_loops.h"

namespace larkspur::model3d {

inline constexpr std::int64_t kMostBranches = 8;

/// A vector a channel of a group.
using Lanes = float[kMostLanes];

/// Plans and packed kernels of all branches, made once a call.
class ReparamPlans {
 public:
  /// `gradients`: for backward, with kernels reversed and plans for their gradients. `set` null:
  /// the fastest.
  ReparamPlans(const ReparamCall& call, bool gradients, const InstructionSet* set);

  const ReparamLoops& loops() const { return loops_; }
  const DwConv3dLanes& set() const { return forward_.front().set; }
  const PackedConv& forward(std::int64_t branch) const { return forward_[index(branch)]; }
  const PackedConv& gradient(std::int64_t branch) const { return gradient_[index(branch)]; }
  const float* kernel(std::int64_t branch, std::int64_t group) const {
    return kernels_[index(branch)].get() + group * forward(branch).k_floats();
  }
  const float* reversed(std::int64_t branch, std::int64_t group) const {
    return reversed_[index(branch)].get() + group * forward(branch).k_floats();
  }
  /// Samples packed together, whose moments are taken in the same blocks: the most that a branch
  /// takes with the widest set, whichever set runs, since bits depend on it.
  std::int64_t most_together() const { return most_together_; }
  std::int64_t positions() const { return positions_of(forward_.front().shape); }

 private:
  ReparamPlans(const ReparamCall& call, bool gradients, InstructionSet instructions);
  static std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

  const ReparamLoops& loops_;
  std::vector<PackedConv> forward_, gradient_;
  std::vector<Scratch> kernels_, reversed_;
  std::int64_t most_together_ = 1;
};

/// Norm of a branch (or of y) as an affine map of a group's channels, from its moments.
struct LaneNorm {
  Lanes scale, shift, mean;
  double inverse[kMostLanes];  ///< 1 / sqrt(variance + eps)
};

/// Channels [first, first + count) of a norm; scale 1 and shift 0 where it has no weight. Lanes
/// beyond are zero.
LaneNorm lane_norm(const ReparamNorm& norm,
                   const ReparamMoments& moments,
                   std::int64_t first,
                   std::int64_t count);

/// z [N][P] of one branch and group, from packed maps x: `count` samples from `first` on.
void correlate_samples(float* z,
                       const float* x,
                       const PackedConv& conv,
                       const float* kernel,
                       std::int64_t count,
                       bool adds);

}  // namespace larkspur::model3d
