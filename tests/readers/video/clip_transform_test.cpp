// SPDX-License-Identifier: Apache-2.0
#include "readers/video/clip_transform.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

namespace larkspur::readers {
namespace {

using pipeline::ClipPlan;
using pipeline::CropBox;
using pipeline::FrameSize;
using pipeline::VideoShape;

constexpr double kMean[] = {0.485, 0.456, 0.406};
constexpr double kDeviation[] = {0.229, 0.224, 0.225};

/// A frame with padding behind its rows, whose every byte is told by its place.
class TestFrame {
 public:
  TestFrame(std::int64_t width, std::int64_t height) : bytes_((3 * width + 5) * height) {
    view = {bytes_.data(), 3 * width + 5, width, height};
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
      bytes_[i] = static_cast<std::uint8_t>((i * 2654435761U) >> 13);
    }
  }
  double at(std::int64_t y, std::int64_t x, int channel) const {
    return view.rgb[y * view.row_bytes + 3 * x + channel];
  }
  RgbFrame view;

 private:
  std::vector<std::uint8_t> bytes_;
};

/// A part of a frame as a clip has it.
at::Tensor transform_frame(const RgbFrame& frame,
                           const ClipPlan& plan,
                           const VideoShape& planned,
                           const at::Tensor& resized_3HW = {}) {
  const at::Tensor out = at::empty({3, plan.size, plan.size}, at::kFloat);
  normalise_frame(cut_frame(frame, plan, planned, resized_3HW), plan.mirror, out);
  return out;
}

/// Weights of a triangle of half-width max(1, length / size) around the centre of output `place`.
std::vector<double> weights(std::int64_t place, std::int64_t length, std::int64_t size) {
  const double scale = static_cast<double>(length) / static_cast<double>(size);
  const double half = std::max(1.0, scale);
  const double centre = (static_cast<double>(place) + 0.5) * scale;
  std::vector<double> result(static_cast<std::size_t>(length));
  double sum = 0.0;
  for (std::int64_t i = 0; i < length; ++i) {
    const double distance = std::abs(static_cast<double>(i) + 0.5 - centre) / half;
    sum += result[static_cast<std::size_t>(i)] = std::max(0.0, 1.0 - distance);
  }
  for (double& weight : result) weight /= sum;
  return result;
}

double resized(const TestFrame& frame,
               const CropBox& box,
               const FrameSize& size,
               std::int64_t y,
               std::int64_t x,
               int channel) {
  const std::vector<double> down = weights(y, box.height, size.height);
  const std::vector<double> across = weights(x, box.width, size.width);
  double value = 0.0;
  for (std::int64_t i = 0; i < box.height; ++i) {
    for (std::int64_t j = 0; j < box.width; ++j) {
      value += down[static_cast<std::size_t>(i)] * across[static_cast<std::size_t>(j)] *
               frame.at(box.top + i, box.left + j, channel);
    }
  }
  return value;
}

double value_of(const at::Tensor& clip, int channel, std::int64_t y, std::int64_t x) {
  return (clip[channel][y][x].item<double>() * kDeviation[channel] + kMean[channel]) * 255.0;
}

void expect_resized(const CropBox& box, std::int64_t size, bool mirror) {
  const TestFrame frame(40, 30);
  const at::Tensor out = transform_frame(frame.view, {{}, {}, box, mirror, size}, {1, 40, 30});
  ASSERT_EQ(out.sizes(), (at::IntArrayRef{3, size, size}));
  for (int channel = 0; channel < 3; ++channel) {
    for (std::int64_t y = 0; y < size; ++y) {
      for (std::int64_t x = 0; x < size; ++x) {
        const std::int64_t from = mirror ? size - 1 - x : x;
        ASSERT_NEAR(value_of(out, channel, y, x),
                    resized(frame, box, {size, size}, y, from, channel),
                    1.01)  // whole values, rounded once an axis
            << channel << " " << y << " " << x;
      }
    }
  }
}

// Bit for bit, also where rows of either side are apart, and columns.
TEST(NormaliseFrame, IsTheLibrarysOwnArithmetic) {
  const at::Tensor mean = at::tensor({0.485F, 0.456F, 0.406F}).view({3, 1, 1});
  const at::Tensor deviation = at::tensor({0.229F, 0.224F, 0.225F}).view({3, 1, 1});
  const at::Tensor all = at::arange(3 * 16 * 32, at::kInt).mul(7).remainder(256).to(at::kByte);
  for (const at::Tensor& rgb : {all.view({3, 16, 32}).narrow(2, 5, 16),
                                all.view({16, 32, 3}).permute({2, 0, 1}).narrow(2, 3, 16)}) {
    const at::Tensor wanted = (rgb.to(at::kFloat) / 255.0 - mean) / deviation;
    for (const bool mirror : {false, true}) {
      const at::Tensor out = at::full({3, 4, 16, 20}, 9.0F);
      normalise_frame(rgb, mirror, out.select(1, 2).narrow(2, 1, 16));
      EXPECT_TRUE(at::equal(out.select(1, 2).narrow(2, 1, 16), mirror ? wanted.flip({2}) : wanted));
      EXPECT_EQ(out.eq(9.0F).sum().item<std::int64_t>(), 3 * 16 * (4 * 20 - 16));
    }
  }
}

TEST(TransformFrame, CropsWithoutResizingExactly) {
  const TestFrame frame(40, 30);
  const at::Tensor out =
      transform_frame(frame.view, {{}, {}, CropBox{7, 3, 16, 16}, false, 16}, {1, 40, 30});
  for (int channel = 0; channel < 3; ++channel) {
    for (std::int64_t y = 0; y < 16; ++y) {
      for (std::int64_t x = 0; x < 16; ++x) {
        ASSERT_NEAR(value_of(out, channel, y, x), frame.at(3 + y, 7 + x, channel), 1e-4);
      }
    }
  }
}

TEST(TransformFrame, ShrinksByATriangleThatCoversEveryPixel) {
  expect_resized({5, 1, 30, 29}, 9, false);
}

TEST(TransformFrame, EnlargesAndMirrors) { expect_resized({12, 8, 7, 11}, 20, true); }

TEST(TransformFrame, ScalesTheBoxToAFrameOfAnotherSize) {
  const TestFrame frame(40, 30);
  const ClipPlan half_planned{{}, {}, CropBox{4, 2, 10, 10}, false, 8};
  const ClipPlan whole{{}, {}, CropBox{8, 4, 20, 20}, false, 8};
  const at::Tensor scaled = transform_frame(frame.view, half_planned, {1, 20, 15});
  EXPECT_TRUE(scaled.equal(transform_frame(frame.view, whole, {1, 40, 30})));
}

TEST(TransformFrame, CutsFromAResizedFrameWhatThePlanSays) {
  const TestFrame frame(40, 30);
  const at::Tensor small = resize_frame(frame.view, {20, 15});
  ASSERT_EQ(small.sizes(), (at::IntArrayRef{3, 15, 20}));
  const ClipPlan plan{{}, {20, 15}, CropBox{6, 2, 12, 12}, false, 12};
  const at::Tensor cut = transform_frame(frame.view, plan, {1, 40, 30}, small);
  for (int channel = 0; channel < 3; ++channel) {
    for (std::int64_t y = 0; y < 12; ++y) {
      for (std::int64_t x = 0; x < 12; ++x) {
        ASSERT_NEAR(value_of(cut, channel, y, x), small[channel][y + 2][x + 6].item<int>(), 1e-4);
        const CropBox all{0, 0, 40, 30};
        ASSERT_NEAR(small[channel][y + 2][x + 6].item<int>(),
                    resized(frame, all, {20, 15}, y + 2, x + 6, channel),
                    1.01);
      }
    }
  }
}

}  // namespace
}  // namespace larkspur::readers
