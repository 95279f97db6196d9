// SPDX-License-Identifier: Apache-2.0
// Frames of a video into a clip: cropped, resized, mirrored, normalised.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "pipeline/plan/clip_plan.h"
#include "readers/video/video_file.h"

namespace larkspur::readers {

/// A whole frame as uint8 [3, height, width]. Resized by a triangle filter that widens when
/// shrinking (what Pillow and torchvision call bilinear with antialiasing), rounded to whole
/// values.
at::Tensor resize_frame(const RgbFrame& frame, const pipeline::FrameSize& size);

/// The part of a frame that a plan takes, as uint8 [3, plan.size, plan.size], red, green, blue, not
/// mirrored; resized as above. Where the plan resizes frames first, `resized` is such a frame
/// (resize_frame) and the part a view of it, else it is not looked at. The box of other plans was
/// made for a frame of `planned`; where the frame has another size it is scaled along.
at::Tensor cut_frame(const RgbFrame& frame,
                     const pipeline::ClipPlan& plan,
                     const pipeline::VideoShape& planned,
                     const at::Tensor& resized_3HW = {});

/// Writes uint8 [3, S, S] to another tensor of the same shape, whose rows are contiguous, left and
/// right swapped where the plan mirrors: as float32 normalised with the mean and deviation of
/// ImageNet, as bfloat16 those values rounded to the nearest (ties to even), as uint8 unchanged.
void normalise_frame(const at::Tensor& rgb_3SS, bool mirror, const at::Tensor& out_3SS);

}  // namespace larkspur::readers
