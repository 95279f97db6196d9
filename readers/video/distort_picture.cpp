// SPDX-License-Identifier: Apache-2.0
#include "readers/video/distort_picture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <span>
#include <vector>

#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>

#include "pipeline/image_statistics.h"

namespace larkspur::readers {
namespace {

using pipeline::PictureChange;
using pipeline::PictureOp;
using Values = std::span<std::uint8_t>;
using ConstValues = std::span<const std::uint8_t>;

/// A contiguous picture: three planes of height x width values.
struct Planes {
  ConstValues values;
  std::int64_t height;
  std::int64_t width;

  std::size_t size() const { return static_cast<std::size_t>(height * width); }
  std::uint8_t at(std::size_t colour, std::int64_t y, std::int64_t x) const {
    return values[colour * size() + static_cast<std::size_t>(y * width + x)];
  }
};

Planes planes_of(const at::Tensor& rgb_3HW) {
  return {{rgb_3HW.const_data_ptr<std::uint8_t>(), static_cast<std::size_t>(rgb_3HW.numel())},
          rgb_3HW.size(1),
          rgb_3HW.size(2)};
}

/// factor * value + (1 - factor) * other, cut off.
std::uint8_t blended(float value, float other, float factor) {
  return static_cast<std::uint8_t>(
      std::clamp(factor * value + (1.0F - factor) * other, 0.0F, 255.0F));
}

std::uint8_t grey_of(float red, float green, float blue) {
  return static_cast<std::uint8_t>(0.2989F * red + 0.587F * green + 0.114F * blue);
}

std::vector<std::uint8_t> grey_plane(const Planes& from) {
  std::vector<std::uint8_t> grey(from.size());
  for (std::size_t i = 0; i < grey.size(); ++i) {
    grey[i] =
        grey_of(from.values[i], from.values[from.size() + i], from.values[2 * from.size() + i]);
  }
  return grey;
}

void scale_brightness(const Planes& from, float factor, Values to) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = blended(from.values[i], 0.0F, factor);
}

void scale_colour(const Planes& from, float factor, Values to) {
  const auto grey = grey_plane(from);
  for (std::size_t i = 0; i < to.size(); ++i) {
    to[i] = blended(from.values[i], grey[i % grey.size()], factor);
  }
}

void scale_contrast(const Planes& from, float factor, Values to) {
  double sum = 0.0;
  for (const std::uint8_t value : grey_plane(from)) sum += value;
  const auto mean = static_cast<float>(sum / static_cast<double>(from.size()));
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = blended(from.values[i], mean, factor);
}

/// A pixel inside the rim with its neighbours: weights 1, its own 5, of 13; rounded.
float blurred(const Planes& from, std::size_t colour, std::int64_t y, std::int64_t x) {
  int sum = 4 * from.at(colour, y, x);
  for (std::int64_t dy = -1; dy <= 1; ++dy) {
    for (std::int64_t dx = -1; dx <= 1; ++dx) sum += from.at(colour, y + dy, x + dx);
  }
  return std::nearbyint(static_cast<float>(sum) / 13.0F);
}

void scale_sharpness(const Planes& from, float factor, Values to) {
  std::size_t i = 0;
  for (std::size_t colour = 0; colour < 3; ++colour) {
    for (std::int64_t y = 0; y < from.height; ++y) {
      for (std::int64_t x = 0; x < from.width; ++x, ++i) {
        const bool rim = y == 0 || x == 0 || y == from.height - 1 || x == from.width - 1;
        const float value = from.values[i];
        to[i] = blended(value, rim ? value : blurred(from, colour, y, x), factor);
      }
    }
  }
}

/// Every value of one colour by a table made from that colour's histogram.
template <typename MakeTable>
void map_colours(const Planes& from, Values to, const MakeTable& make_table) {
  for (std::size_t colour = 0; colour < 3; ++colour) {
    const ConstValues plane = from.values.subspan(colour * from.size(), from.size());
    std::array<std::int64_t, 256> counts{};
    for (const std::uint8_t value : plane) ++counts[value];
    const std::array<std::uint8_t, 256> table = make_table(counts);
    for (std::size_t i = 0; i < plane.size(); ++i) to[colour * from.size() + i] = table[plane[i]];
  }
}

template <typename OfValue>
auto table_of(const OfValue& of_value) {
  std::array<std::uint8_t, 256> table{};
  for (std::size_t value = 0; value < 256; ++value) table[value] = of_value(value);
  return table;
}

std::array<std::uint8_t, 256> stretching_table(const std::array<std::int64_t, 256>& counts) {
  const auto there = [](std::int64_t count) { return count > 0; };
  const auto low = static_cast<float>(std::ranges::find_if(counts, there) - counts.begin());
  const auto high =
      static_cast<float>(counts.rend() - std::find_if(counts.rbegin(), counts.rend(), there) - 1);
  if (low == high) return table_of([](std::size_t v) { return static_cast<std::uint8_t>(v); });
  const float scale = 255.0F / (high - low);
  return table_of([&](std::size_t value) {
    return static_cast<std::uint8_t>(
        std::clamp((static_cast<float>(value) - low) * scale, 0.0F, 255.0F));
  });
}

std::array<std::uint8_t, 256> equalizing_table(const std::array<std::int64_t, 256>& counts) {
  std::int64_t below_last = 0;
  std::int64_t last = 0;
  for (const std::int64_t count : counts) {
    if (count == 0) continue;
    below_last += last;
    last = count;
  }
  const std::int64_t step = below_last / 255;
  if (step == 0) return table_of([](std::size_t v) { return static_cast<std::uint8_t>(v); });
  std::int64_t below = 0;  // values smaller than this one
  return table_of([&](std::size_t value) {
    const std::int64_t level = value == 0 ? 0 : (below + step / 2) / step;
    below += counts[value];
    return static_cast<std::uint8_t>(std::clamp<std::int64_t>(level, 0, 255));
  });
}

/// Where a pixel comes from: x' = xx x + xy y + x0, y' = yx x + yy y + y0; pixel i is at i + 0.5.
struct Affine {
  double xx = 1, xy = 0, x0 = 0;
  double yx = 0, yy = 1, y0 = 0;
};

Affine affine_of(const PictureChange& change, const Planes& of) {
  Affine map;
  if (change.op == PictureOp::kShearX) map.xy = change.amount;
  if (change.op == PictureOp::kShearY) map.yx = change.amount;
  if (change.op == PictureOp::kTranslateX) map.x0 = -change.amount;
  if (change.op == PictureOp::kTranslateY) map.y0 = -change.amount;
  if (change.op == PictureOp::kRotate) {
    const double angle = change.amount * std::numbers::pi / 180.0;
    const double x = 0.5 * static_cast<double>(of.width);
    const double y = 0.5 * static_cast<double>(of.height);
    map = {std::cos(angle), -std::sin(angle), 0, std::sin(angle), std::cos(angle), 0};
    map.x0 = x - map.xx * x - map.xy * y;
    map.y0 = y - map.yx * x - map.yy * y;
  }
  return map;
}

void move_pixels(const Planes& from, const Affine& map, Values to) {
  for (std::int64_t y = 0; y < from.height; ++y) {
    for (std::int64_t x = 0; x < from.width; ++x) {
      const double right = static_cast<double>(x) + 0.5;
      const double down = static_cast<double>(y) + 0.5;
      const auto there_x = std::llrint(map.xx * right + map.xy * down + map.x0 - 0.5);
      const auto there_y = std::llrint(map.yx * right + map.yy * down + map.y0 - 0.5);
      if (there_x < 0 || there_x >= from.width || there_y < 0 || there_y >= from.height) continue;
      for (std::size_t colour = 0; colour < 3; ++colour) {
        to[colour * from.size() + static_cast<std::size_t>(y * from.width + x)] =
            from.at(colour, there_y, there_x);
      }
    }
  }
}

void change_colours(const Planes& from, const PictureChange& change, Values to) {
  const auto factor = static_cast<float>(change.amount);
  switch (change.op) {
    case PictureOp::kBrightness:
      return scale_brightness(from, factor, to);
    case PictureOp::kColor:
      return scale_colour(from, factor, to);
    case PictureOp::kContrast:
      return scale_contrast(from, factor, to);
    case PictureOp::kSharpness:
      return scale_sharpness(from, factor, to);
    case PictureOp::kAutoContrast:
      return map_colours(from, to, stretching_table);
    case PictureOp::kEqualize:
      return map_colours(from, to, equalizing_table);
    case PictureOp::kPosterize: {
      const auto mask = static_cast<std::uint8_t>(0xFF00 >> static_cast<int>(change.amount));
      return map_colours(from, to, [&](const auto&) {
        return table_of([&](std::size_t v) { return static_cast<std::uint8_t>(v & mask); });
      });
    }
    case PictureOp::kSolarize:
      return map_colours(from, to, [&](const auto&) {
        return table_of([&](std::size_t v) {
          return static_cast<std::uint8_t>(static_cast<float>(v) >= factor ? 255 - v : v);
        });
      });
    default:
      std::ranges::copy(from.values, to.begin());
  }
}

void paint_mean(const pipeline::CropBox& box, at::Tensor& rgb_3SS) {
  for (std::int64_t colour = 0; colour < 3; ++colour) {
    const double mean = pipeline::kImageMean<double>[static_cast<std::size_t>(colour)];
    rgb_3SS.select(0, colour)
        .narrow(0, box.top, box.height)
        .narrow(1, box.left, box.width)
        .fill_(std::llround(255.0 * mean));
  }
}

}  // namespace

at::Tensor changed_picture(const at::Tensor& rgb_3HW, const PictureChange& change) {
  const at::Tensor whole = rgb_3HW.contiguous();
  const bool moves = change.op >= PictureOp::kShearX && change.op <= PictureOp::kRotate;
  const at::Tensor changed = moves ? at::zeros_like(whole) : at::empty_like(whole);
  const Planes from = planes_of(whole);
  const Values to{changed.data_ptr<std::uint8_t>(), from.values.size()};
  if (moves) {
    move_pixels(from, affine_of(change, from), to);
  } else {
    change_colours(from, change, to);
  }
  return changed;
}

at::Tensor distorted_picture(const at::Tensor& rgb_3SS, const pipeline::PicturePlan& plan) {
  at::Tensor picture = rgb_3SS;
  for (const PictureChange& change : plan.changes) picture = changed_picture(picture, change);
  if (plan.erased.width == 0) return picture;
  if (plan.changes.empty()) picture = picture.clone(at::MemoryFormat::Contiguous);
  paint_mean(plan.erased, picture);
  return picture;
}

}  // namespace larkspur::readers
