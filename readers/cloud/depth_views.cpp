// SPDX-License-Identifier: Apache-2.0
#include "readers/cloud/depth_views.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <ATen/ops/zeros.h>

#include "pipeline/require.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::require;
using pipeline::require_within;

constexpr std::int64_t kMostViews = 64;
constexpr std::int64_t kLargestSize = 1024;

// One viewer's axes.
class View {
 public:
  View(double azimuth, double elevation)
      : sin_a_(std::sin(azimuth)),
        cos_a_(std::cos(azimuth)),
        sin_e_(std::sin(elevation)),
        cos_e_(std::cos(elevation)) {}

  double right(const float* p) const { return -sin_a_ * p[0] + cos_a_ * p[1]; }
  double up(const float* p) const { return -sin_e_ * outward(p) + cos_e_ * p[2]; }
  double depth(const float* p) const { return cos_e_ * outward(p) + sin_e_ * p[2]; }

 private:
  double outward(const float* p) const { return cos_a_ * p[0] + sin_a_ * p[1]; }

  double sin_a_;
  double cos_a_;
  double sin_e_;
  double cos_e_;
};

float shade(double depth) {
  const auto share = static_cast<float>((std::clamp(depth, -1.0, 1.0) + 1.0) / 2.0);
  return kFarthestDepth + (1.0F - kFarthestDepth) * share;
}

// A picture of `size` pixels, x to the right and y down, both in pixels from the top left corner.
struct Canvas {
  float* pixels;
  std::int64_t size;

  void put(std::int64_t row, std::int64_t column, float value) const {
    if (row < 0 || row >= size || column < 0 || column >= size) return;
    float& pixel = pixels[row * size + column];
    pixel = std::max(pixel, value);
  }

  void disc(double x, double y, double radius, float value) const {
    const auto edge = static_cast<double>(size);
    if (!(x >= -radius && x <= edge + radius && y >= -radius && y <= edge + radius)) return;
    const auto first = static_cast<std::int64_t>(std::max(std::floor(y - radius), 0.0));
    const auto last = static_cast<std::int64_t>(std::min(std::ceil(y + radius), edge));
    for (std::int64_t row = first; row < last; ++row) {
      const double dy = static_cast<double>(row) + 0.5 - y;
      const double square = radius * radius - dy * dy;
      if (square < 0.0) continue;
      const double half = std::sqrt(square);
      const auto begin = static_cast<std::int64_t>(std::max(std::ceil(x - half - 0.5), 0.0));
      const auto end = static_cast<std::int64_t>(std::min(std::floor(x + half - 0.5), edge - 1.0));
      for (std::int64_t column = begin; column <= end; ++column) put(row, column, value);
    }
    put(static_cast<std::int64_t>(std::floor(y)), static_cast<std::int64_t>(std::floor(x)), value);
  }
};

void draw(const at::Tensor& points_N3, const View& view, double splat, const Canvas& canvas) {
  const double half = static_cast<double>(canvas.size) / 2.0;  // pixels of a unit
  const auto* point = points_N3.const_data_ptr<float>();
  for (std::int64_t i = 0; i < points_N3.size(0); ++i, point += 3) {
    const double x = (view.right(point) + 1.0) * half;
    const double y = (1.0 - view.up(point)) * half;
    canvas.disc(x, y, splat * half, shade(view.depth(point)));
  }
}

}  // namespace

void DepthViewOptions::check() const {
  require_within("views", views, 1, kMostViews);
  require_within("elevation", elevation, -90.0, 90.0);
  require_within("size", size, 1, kLargestSize);
  require_within("splat", splat, 0.0, 1.0);
  require(channels == 1 || channels == 3,
          Errc::kInvalidArgument,
          "channels is ",
          channels,
          ", not 1 or 3");
}

at::Tensor depth_views(const at::Tensor& points_N3, const DepthViewOptions& options) {
  options.check();
  require(points_N3.dim() == 2 && points_N3.size(1) == 3 && points_N3.scalar_type() == at::kFloat,
          Errc::kInvalidArgument,
          "[depth_views] points are ",
          points_N3.scalar_type(),
          " ",
          points_N3.sizes(),
          ", not float32 [N, 3]");
  const at::Tensor points = points_N3.contiguous();
  const std::int64_t size = options.size;
  const std::int64_t picture = size * size;
  at::Tensor pictures = at::zeros({options.views, options.channels, size, size}, at::kFloat);
  auto* pixels = pictures.data_ptr<float>();
  constexpr double kDegree = std::numbers::pi / 180.0;
  for (std::int64_t v = 0; v < options.views; ++v, pixels += options.channels * picture) {
    const double turn = static_cast<double>(v) / static_cast<double>(options.views);
    const View view(2.0 * std::numbers::pi * turn, options.elevation * kDegree);
    draw(points, view, options.splat, {pixels, size});
    for (std::int64_t c = 1; c < options.channels; ++c) {
      std::copy_n(pixels, picture, pixels + c * picture);
    }
  }
  return pictures;
}

}  // namespace larkspur::readers
