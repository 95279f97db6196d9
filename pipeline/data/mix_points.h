// SPDX-License-Identifier: Apache-2.0
// One cloud of two: some of its points give way to as many of another's.
//
//   anywhere:  points drawn all over both, so two whole shapes lie in one another, each thinner
//   a piece:   the points nearest to a drawn one, for those nearest to a drawn one of the other
//
// PointCutMix-R and PointCutMix-K (Zhang et al. 2021, arXiv 2101.01461, section 3), which pairs the
// points of both clouds first; here they stay where they lie.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "pipeline/rng.h"

namespace larkspur::pipeline {

enum class PointsMixed : std::uint8_t { kAnywhere, kPiece };

/// Clouds own, other: float32 [P,3], contiguous, not changed. Returns new memory [P,3]: `own` with
/// `given` of its rows, 0 <= given <= P, replaced by rows of `other`, none of them twice, in order
/// of their places. A pure function of its arguments and what `rng` draws. Throws kInvalidArgument
/// for other shapes and counts.
at::Tensor mix_points(const at::Tensor& own,
                      const at::Tensor& other,
                      std::int64_t given,
                      PointsMixed how,
                      CounterRng& rng);

}  // namespace larkspur::pipeline
