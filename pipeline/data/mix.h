// SPDX-License-Identifier: Apache-2.0
// Mixup and cutmix inside one lane: a sample is mixed with the next one of its lane, of several
// views each with the same view of the next sample.
//
//   lane of N samples, keys --> plan_mix: partner, share, box --> mix_lane: inputs and labels
//
// Mixup: Zhang et al. 2018 (arXiv 1710.09412, eq. 1 and 2). Cutmix: Yun et al. 2019 (arXiv
// 1905.04899, section 3.2). Points, which have no order, are not blended: the share is one of
// points, taken anywhere (mixup) or in one piece (cutmix; mix_points.h). Partners never leave the
// lane, so the result does not depend on the number of ranks. The share of Beta(a, a) is folded to
// [1/2, 1]: the same pairs come out, and the sample's own label stays the heavier one.
#pragma once

#include <vector>

#include "pipeline/batch.h"
#include "pipeline/plan/clip_plan.h"

namespace larkspur::pipeline {

/// Parameters of the Beta distributions; 0 switches one off. With both on, each sample draws one.
struct MixOptions {
  double mixup = 0.0;   ///< >= 0
  double cutmix = 0.0;  ///< >= 0

  bool is_on() const { return mixup > 0 || cutmix > 0; }

  /// Throws kInvalidArgument naming the field at fault and its value.
  void check() const;
};

/// How one lane is mixed. A value.
struct LaneMix {
  MixOptions options{};
  int repeats = 1;  ///< views of each sample, side by side; divides what the lane holds
};

/// What happens to one sample of a lane; a pure value.
struct MixPlan {
  std::size_t partner = 0;  ///< place in the lane
  double own = 1.0;         ///< share of the sample's own label, [1/2, 1]
  bool cut = false;         ///< cutmix: a part of the partner replaces the sample's; else mixup
  CropBox box{};            ///< that part, over the last two axes; may be empty; none of points
};

/// Plans of all views of a lane, in order; the draws are keyed by each. A lane of one sample is
/// left alone. `height`, `width`: the last two axes of the input; 0 of points: no box is drawn.
std::vector<MixPlan> plan_mix(const LaneMix& mix,
                              const std::vector<SampleKey>& keys,
                              std::int64_t height,
                              std::int64_t width);

/// Mixes a batch of N >= 0 samples, input [N, ..., height, width] or points [N,P,3]: sets the input
/// to new memory, float32, batch.partner_labels and batch.own_share. Nothing is done when options
/// are off. Throws kInvalidArgument for samples with several labels or several inputs, as a box of
/// one input means nothing in another.
void mix_lane(const LaneMix& mix, Batch& batch);

}  // namespace larkspur::pipeline
