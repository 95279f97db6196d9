// SPDX-License-Identifier: Apache-2.0
// Pictures distorted as a plan says (pipeline/plan/picture_plan.h).
//
// Each operation computes what torchvision's of the same name does on uint8 tensors: results of
// factors are cut off, not rounded; shear, shift and rotation take the nearest pixel and leave
// black where there is none. Source of the values tested against: torchvision 0.26.
#pragma once

#include <ATen/core/Tensor.h>

#include "pipeline/plan/picture_plan.h"

namespace larkspur::readers {

/// One operation on uint8 [3, H, W], red, green, blue, any strides; the result is contiguous. Not
/// an operation's own range of amounts is looked at: a plan keeps to it.
at::Tensor changed_picture(const at::Tensor& rgb_3HW, const pipeline::PictureChange& change);

/// All of a plan on uint8 [3, S, S], of the size that the plan was made for. The picture itself
/// where there is nothing to do. The box is painted in the mean colour of ImageNet, rounded.
at::Tensor distorted_picture(const at::Tensor& rgb_3SS, const pipeline::PicturePlan& plan);

}  // namespace larkspur::readers
