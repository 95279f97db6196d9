// SPDX-License-Identifier: Apache-2.0
// Pictures of a video into a clip: cropped, resized, mirrored, normalised.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "pipeline/plan/clip_plan.h"
#include "readers/video/video_file.h"

namespace larkspur::readers {

/// The crop of one picture as float32 [3, size, size], red, green, blue, normalised with the mean
/// and deviation of ImageNet. Resized by a triangle filter that widens when shrinking (what Pillow
/// and torchvision call bilinear with antialiasing), rounded to whole values before it is
/// normalised. `box` was planned for a picture of planned_width x planned_height; where the
/// picture has another size it is scaled along.
at::Tensor transform_picture(const Picture& picture,
                             const pipeline::ClipPlan& plan,
                             const pipeline::VideoShape& planned,
                             std::int64_t size);

}  // namespace larkspur::readers
