// SPDX-License-Identifier: Apache-2.0
#include "readers/video/clip_transform.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/_upsample_bilinear2d_aa.h>
#include <ATen/ops/flip.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>

#include "pipeline/image_statistics.h"

namespace larkspur::readers {
namespace {

// [first, first + length) of a frame of `planned`, in one of `actual` pixels.
std::pair<std::int64_t, std::int64_t> scaled(std::int64_t first,
                                             std::int64_t length,
                                             std::int64_t planned,
                                             std::int64_t actual) {
  if (planned == actual) return {first, length};
  const std::int64_t new_length = std::clamp<std::int64_t>(length * actual / planned, 1, actual);
  return {std::min(first * actual / planned, actual - new_length), new_length};
}

at::Tensor resized_part(const RgbFrame& frame,
                        const pipeline::CropBox& box,
                        const pipeline::FrameSize& size) {
  // from_blob takes a pointer to mutable memory; nothing below writes through it.
  auto* const first =
      const_cast<std::uint8_t*>(frame.rgb + box.top * frame.row_bytes + 3 * box.left);
  const at::Tensor crop_13HW = at::from_blob(first,
                                             {1, 3, box.height, box.width},
                                             {box.height * frame.row_bytes, 1, frame.row_bytes, 3},
                                             at::TensorOptions().dtype(at::kByte));
  return at::_upsample_bilinear2d_aa(
      crop_13HW, {size.height, size.width}, /*align_corners=*/false)[0];
}

at::Tensor normalised(const at::Tensor& rgb_3HW) {
  const at::Tensor mean =
      at::tensor(at::ArrayRef<float>(pipeline::kImageMean<float>)).view({3, 1, 1});
  const at::Tensor deviation =
      at::tensor(at::ArrayRef<float>(pipeline::kImageDeviation<float>)).view({3, 1, 1});
  return (rgb_3HW.to(at::kFloat) / 255.0 - mean) / deviation;
}

}  // namespace

at::Tensor resize_frame(const RgbFrame& frame, const pipeline::FrameSize& size) {
  return resized_part(frame, {0, 0, frame.width, frame.height}, size);
}

at::Tensor transform_frame(const RgbFrame& frame,
                           const pipeline::ClipPlan& plan,
                           const pipeline::VideoShape& planned,
                           const at::Tensor& resized_3HW) {
  const pipeline::CropBox& box = plan.box;
  at::Tensor cut_3HW;
  if (plan.resized == pipeline::FrameSize{}) {
    const auto [left, width] = scaled(box.left, box.width, planned.width, frame.width);
    const auto [top, height] = scaled(box.top, box.height, planned.height, frame.height);
    cut_3HW = resized_part(frame, {left, top, width, height}, {plan.size, plan.size});
  } else {
    cut_3HW = resized_3HW.narrow(1, box.top, box.height).narrow(2, box.left, box.width);
  }
  if (plan.mirror) cut_3HW = cut_3HW.flip({2});
  return normalised(cut_3HW);
}

}  // namespace larkspur::readers
