// SPDX-License-Identifier: Apache-2.0
// Frames of a video into a clip: cropped, resized, mirrored, normalised.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "pipeline/plan/clip_plan.h"
#include "readers/video/video_file.h"

namespace larkspur::readers {

/// The crop of one frame as float32 [3, size, size], red, green, blue, normalised with the mean
/// and deviation of ImageNet. Resized by a triangle filter that widens when shrinking (what Pillow
/// and torchvision call bilinear with antialiasing), rounded to whole values before it is
/// normalised. `box` was planned for a frame of planned_width x planned_height; where the
/// frame has another size it is scaled along.
at::Tensor transform_frame(const RgbFrame& frame,
                           const pipeline::ClipPlan& plan,
                           const pipeline::VideoShape& planned,
                           std::int64_t size);

}  // namespace larkspur::readers
