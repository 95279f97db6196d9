// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plan/clip_views.h"

#include <algorithm>
#include <cmath>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

constexpr double kTargetRate = 30.0;
constexpr double kRounding = 1e-9;  // what sums of seconds may be off by, in frames

/// One clip of several in one video.
struct ClipOfVideo {
  std::int64_t clip;   // k
  std::int64_t clips;  // n
  std::int64_t frames;
  std::int64_t stride;
  std::int64_t shown;  // N
  double rate;         // f
};

/// [j (span - 1) / (T - 1)].
std::int64_t spread(std::int64_t j, double span, std::int64_t count) {
  if (count == 1) return 0;
  return static_cast<std::int64_t>(static_cast<double>(j) * (span - 1.0) /
                                   static_cast<double>(count - 1));
}

double span_at_rate(const ClipOfVideo& of) {
  const auto nominal = static_cast<double>(of.frames * of.stride);
  return std::max(1.0, nominal * of.rate / kTargetRate);
}

std::vector<std::int64_t> strided_clip(const ClipOfVideo& of) {
  const std::int64_t strided = (of.shown + of.stride - 1) / of.stride;
  const std::int64_t spare = std::max<std::int64_t>(0, strided - of.frames);
  const std::int64_t first = of.clips == 1 ? spare / 2 : of.clip * spare / (of.clips - 1);
  std::vector<std::int64_t> frames;
  for (std::int64_t j = 0; j < of.frames; ++j) {
    frames.push_back(std::min(first + j, strided - 1) * of.stride);
  }
  return frames;
}

/// `start` real, `last` the last frame that may be taken.
std::vector<std::int64_t> frames_from(double start,
                                      double span,
                                      std::int64_t last,
                                      std::int64_t count) {
  const auto first = static_cast<std::int64_t>(std::ceil(start - kRounding));
  const auto end = static_cast<std::int64_t>(std::floor(start + span - 1.0 + kRounding));
  std::vector<std::int64_t> frames;
  for (std::int64_t j = 0; j < count; ++j) {
    frames.push_back(std::clamp(
        first + spread(j, span, count), std::int64_t{0}, std::min(std::max(first, end), last)));
  }
  return frames;
}

std::vector<std::int64_t> seconds30_clip(const ClipOfVideo& of, bool offset) {
  const double span = span_at_rate(of);
  const double spare = std::max(static_cast<double>(of.shown) - span, 0.0);
  const auto k = static_cast<double>(of.clip);
  double start = spare * k / static_cast<double>(of.clips);
  if (offset) {
    start = of.clips == 1 ? std::floor(spare / 2)
                          : k * std::floor(spare / static_cast<double>(of.clips - 1));
  }
  return frames_from(start, span, of.shown - 1, of.frames);
}

std::int64_t rounded_half_even(std::int64_t numerator, std::int64_t denominator) {
  const std::int64_t floor = numerator / denominator;
  const std::int64_t twice = 2 * (numerator % denominator);
  const bool up = twice > denominator || (twice == denominator && floor % 2 == 1);
  return floor + (up ? 1 : 0);
}

std::vector<std::int64_t> rounded_clip(const ClipOfVideo& of) {
  if (of.frames == 1) return {(2 * of.clip + 1) * of.shown / (2 * of.clips) % of.shown};
  const std::int64_t span = (of.frames - 1) * of.stride + 1;
  const std::int64_t spare = std::max<std::int64_t>(0, of.shown - span);
  const std::int64_t start =
      of.clips == 1 ? spare / 2 : rounded_half_even(of.clip * spare, of.clips - 1);
  std::vector<std::int64_t> frames;
  for (std::int64_t j = 0; j < of.frames; ++j) {
    frames.push_back((start + j * of.stride) % of.shown);
  }
  return frames;
}

std::vector<std::int64_t> rounded30_clip(const ClipOfVideo& of) {
  const double span = span_at_rate(of);
  const double spare = std::max(static_cast<double>(of.shown) - span, 0.0);
  const double step =
      of.clips == 1 ? std::floor(spare / 2) : std::floor(spare / static_cast<double>(of.clips - 1));
  const auto start = static_cast<std::int64_t>(step) * (of.clips == 1 ? 1 : of.clip);
  std::vector<std::int64_t> frames;
  for (std::int64_t j = 0; j < of.frames; ++j) {
    frames.push_back((start + spread(j, span, of.frames)) % of.shown);
  }
  return frames;
}

std::vector<std::int64_t> seconds_clip(const ClipOfVideo& of) {
  const double span = static_cast<double>(of.frames * of.stride) * of.rate / kTargetRate;
  const double spare = std::max(static_cast<double>(of.shown) - span, 0.0);
  const auto gaps = static_cast<double>(std::max<std::int64_t>(1, of.clips - 1));
  const double start = static_cast<double>(of.clip) * spare / gaps;
  const auto first =
      std::min(static_cast<std::int64_t>(std::ceil(start - kRounding)), of.shown - 1);
  const auto end =
      std::min(static_cast<std::int64_t>(std::ceil(start + span - kRounding)), of.shown);
  const std::int64_t shown = std::max<std::int64_t>(1, end - first);
  std::vector<std::int64_t> frames;
  for (std::int64_t j = 0; j < of.frames; ++j) {
    frames.push_back(first + spread(j, static_cast<double>(shown), of.frames));
  }
  return frames;
}

std::vector<std::int64_t> frames_of(const ClipViews& views,
                                    std::int64_t clip,
                                    const ClipSampling& sampling,
                                    const VideoShape& shape) {
  const ClipOfVideo of{
      clip, views.clips, sampling.frames, sampling.stride, shape.frames, nominal_rate(shape)};
  switch (views.places) {
    case ClipPlaces::kStrided:
      return strided_clip(of);
    case ClipPlaces::kSeconds30:
      return seconds30_clip(of, false);
    case ClipPlaces::kSeconds30Offset:
      return seconds30_clip(of, true);
    case ClipPlaces::kRounded:
      return rounded_clip(of);
    case ClipPlaces::kRounded30:
      return rounded30_clip(of);
    case ClipPlaces::kSeconds:
      return seconds_clip(of);
    case ClipPlaces::kMiddle:
      break;
  }
  return middle_frames(sampling, shape);
}

std::int64_t resized_long_side(CropPlaces places,
                               std::int64_t size,
                               std::int64_t longer,
                               std::int64_t shorter) {
  const auto far = static_cast<double>(longer);
  const auto near = static_cast<double>(shorter);
  const auto wanted = static_cast<double>(size);
  switch (places) {
    case CropPlaces::kFloorCentre:
      return static_cast<std::int64_t>(far * (wanted / near) + 0.5);
    case CropPlaces::kSpread:
    case CropPlaces::kRoundCentre:
      return size * longer / shorter;
    default:
      return static_cast<std::int64_t>(std::floor(far / near * wanted));
  }
}

/// Where crop `number` of `crops` starts along an axis of `length`; `is_long`: the one that several
/// crops are taken along.
std::int64_t crop_start(const ClipViews& views,
                        std::int64_t number,
                        std::int64_t length,
                        bool is_long) {
  const std::int64_t spare = length - views.crop;
  if (views.crops_at == CropPlaces::kRoundCentre) return rounded_half_even(spare, 2);
  const bool is_floor = views.crops_at != CropPlaces::kCeilCentre;
  const std::int64_t centre = is_floor ? spare / 2 : (spare + 1) / 2;
  if (views.crops == 1 || !is_long) return centre;
  if (views.crops_at == CropPlaces::kSpread) return number * spare / (views.crops - 1);
  if (views.crops_at == CropPlaces::kFloorCentre) {
    const std::int64_t starts[] = {0, 2 * centre, centre};
    return starts[number];
  }
  const std::int64_t starts[] = {0, centre, spare};
  return starts[number];
}

void plan_crop(const ClipViews& views,
               std::int64_t number,
               const VideoShape& shape,
               ClipPlan& plan) {
  plan.size = views.crop;
  if (views.crops_at == CropPlaces::kSquare) {
    plan.box = centre_square(shape);
    return;
  }
  const bool is_wide = shape.width >= shape.height;
  const std::int64_t longer = std::max(shape.width, shape.height);
  const std::int64_t shorter = std::min(shape.width, shape.height);
  const std::int64_t side = views.short_side;
  const std::int64_t far = std::max(side, resized_long_side(views.crops_at, side, longer, shorter));
  plan.resized = is_wide ? FrameSize{far, side} : FrameSize{side, far};
  plan.box = {crop_start(views, number, plan.resized.width, is_wide),
              crop_start(views, number, plan.resized.height, !is_wide),
              views.crop,
              views.crop};
}

}  // namespace

ClipViews sized(ClipViews views, std::int64_t data_size, std::int64_t eval_size) {
  const std::int64_t own = views.crop;
  if (eval_size != 0) {
    views.crop = eval_size;
  } else if (own == 0) {
    views.crop = data_size;
  }
  if (own != 0) views.short_side = (2 * views.short_side * views.crop + own) / (2 * own);
  return views;
}

ClipPlan plan_clip_view(const ClipViews& views,
                        const ClipSampling& sampling,
                        const VideoShape& shape,
                        const SampleKey& key) {
  require(key.view < views.count(),
          Errc::kInvalidArgument,
          "[plan_clip_view] view ",
          key.view,
          " of ",
          views.count());
  ClipPlan plan;
  plan.frames = frames_of(views, key.view / views.crops, sampling, shape);
  plan_crop(views, key.view % views.crops, shape, plan);
  if (sampling.shuffle_frames) shuffle_frames(plan.frames, key);
  return plan;
}

}  // namespace larkspur::pipeline
