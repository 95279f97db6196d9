// SPDX-License-Identifier: Apache-2.0
// What a place in the middle of a stage really looks at: its effective receptive field (Luo et al.
// 2016, arXiv 1701.04128), and how far the share of it reaches that Ding et al. 2022 (RepLKNet,
// arXiv 2203.06717) call the high-contribution area.
//
//   score(place) = mean over samples of sum over input channels of |d y / d input(place)|,
//   y = sum over channels of the stage's output at its middle place
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model3d/layers/extent.h"
#include "model3d/network.h"

namespace larkspur::model3d {

struct EffectiveField {
  at::Tensor scores_DHW;    ///< float64, >= 0; places of the form's map: tiles for form grid
  Extent3 middle{0, 0, 0};  ///< the input place over which the output place lies
};

/// The field of `stage`, from 0, for an input as the form has it. The network evaluates; its
/// gradients are left alone. Takes the memory of a training step of one sample. Throws as
/// Network::forward(), kInvalidArgument for a stage that is not there, kUnsupported for forms joint
/// and points. Each view of form views is a sample.
EffectiveField effective_field(const Network& network, const at::Tensor& input, std::size_t stage);

/// The smallest square about the middle with more than a share of all scores.
struct CoveringSquare {
  double share = 0;       ///< in (0, 1)
  std::int64_t side = 0;  ///< odd; the part outside the map is cut off
  double area_ratio = 0;  ///< of the part inside, in all places
};

/// One square for each share. RepLKNet takes log10(1 + score) first, which depends on the unit of
/// the input and the number of samples; here the scores count as they are. Throws kInvalidArgument
/// where all scores are 0 or one is not finite: there is nothing to share.
std::vector<CoveringSquare> covering_squares(const at::Tensor& scores_HW,
                                             std::int64_t middle_row,
                                             std::int64_t middle_column,
                                             std::span<const double> shares);

/// Scores as grey levels, uint8: 255 * (score / largest)^(1/4), so that a thousandth of the largest
/// is still at 45. Throws as covering_squares().
at::Tensor grey_levels(const at::Tensor& scores_HW);

}  // namespace larkspur::model3d
