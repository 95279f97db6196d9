// SPDX-License-Identifier: Apache-2.0
#include "readers/video/clip_transform.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/_upsample_bilinear2d_aa.h>
#include <ATen/ops/arange.h>
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

/// What each of the 256 values of a colour becomes.
template <typename T>
using Levels = std::array<std::array<T, 256>, 3>;

Levels<float> normalised_levels() {
  const at::Tensor mean = at::tensor(at::ArrayRef<float>(pipeline::kImageMean<float>)).view({3, 1});
  const at::Tensor deviation =
      at::tensor(at::ArrayRef<float>(pipeline::kImageDeviation<float>)).view({3, 1});
  const at::Tensor levels = (at::arange(256, at::kFloat) / 255.0 - mean) / deviation;
  Levels<float> table;
  std::memcpy(table.data(), levels.const_data_ptr<float>(), sizeof(table));
  return table;
}

template <typename T>
Levels<T> levels_as() {
  const Levels<float> wide = normalised_levels();
  Levels<T> table;
  for (std::size_t c = 0; c < table.size(); ++c) {
    for (std::size_t i = 0; i < 256; ++i) {
      table[c][i] =
          std::is_same_v<T, std::uint8_t> ? static_cast<T>(i) : static_cast<T>(wide[c][i]);
    }
  }
  return table;
}

template <typename T>
void write_frame(const at::Tensor& rgb_3SS, bool mirror, const at::Tensor& out_3SS) {
  static const Levels<T> kLevels = levels_as<T>();
  const std::int64_t size = rgb_3SS.size(2);
  const std::int64_t step = mirror ? -rgb_3SS.stride(2) : rgb_3SS.stride(2);
  const std::uint8_t* const rgb = rgb_3SS.const_data_ptr<std::uint8_t>();
  auto* const out = out_3SS.data_ptr<T>();
  for (std::int64_t c = 0; c < 3; ++c) {
    const auto& levels = kLevels[static_cast<std::size_t>(c)];
    for (std::int64_t y = 0; y < rgb_3SS.size(1); ++y) {
      const std::uint8_t* const from = rgb + c * rgb_3SS.stride(0) + y * rgb_3SS.stride(1) +
                                       (mirror ? (size - 1) * rgb_3SS.stride(2) : 0);
      T* const to = out + c * out_3SS.stride(0) + y * out_3SS.stride(1);
      for (std::int64_t x = 0; x < size; ++x) to[x] = levels[from[x * step]];
    }
  }
}

}  // namespace

at::Tensor resize_frame(const RgbFrame& frame, const pipeline::FrameSize& size) {
  return resized_part(frame, {0, 0, frame.width, frame.height}, size);
}

at::Tensor cut_frame(const RgbFrame& frame,
                     const pipeline::ClipPlan& plan,
                     const pipeline::VideoShape& planned,
                     const at::Tensor& resized_3HW) {
  const pipeline::CropBox& box = plan.box;
  if (plan.resized != pipeline::FrameSize{}) {
    return resized_3HW.narrow(1, box.top, box.height).narrow(2, box.left, box.width);
  }
  const auto [left, width] = scaled(box.left, box.width, planned.width, frame.width);
  const auto [top, height] = scaled(box.top, box.height, planned.height, frame.height);
  return resized_part(frame, {left, top, width, height}, {plan.size, plan.size});
}

void normalise_frame(const at::Tensor& rgb_3SS, bool mirror, const at::Tensor& out_3SS) {
  switch (out_3SS.scalar_type()) {
    case at::kByte:
      return write_frame<std::uint8_t>(rgb_3SS, mirror, out_3SS);
    case at::kBFloat16:
      return write_frame<c10::BFloat16>(rgb_3SS, mirror, out_3SS);
    default:
      return write_frame<float>(rgb_3SS, mirror, out_3SS);
  }
}

}  // namespace larkspur::readers
