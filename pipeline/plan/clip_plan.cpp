// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plan/clip_plan.h"

#include <algorithm>
#include <cmath>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

constexpr double kUsualRate = 30.0;

// Frames of the video from one of the clip's to the next.
double step_of(const ClipSampling& sampling, const VideoShape& shape) {
  if (sampling.by != FrameSampling::kSeconds) return static_cast<double>(sampling.stride);
  return sampling.seconds * nominal_rate(shape) / static_cast<double>(sampling.frames);
}

// Frame numbers of a window that starts at `first`; past the end the last one again.
std::vector<std::int64_t> window(const ClipSampling& sampling,
                                 const VideoShape& shape,
                                 std::int64_t first) {
  const double step = step_of(sampling, shape);
  std::vector<std::int64_t> frames;
  for (std::int64_t i = 0; i < sampling.frames; ++i) {
    const std::int64_t offset = std::llround(static_cast<double>(i) * step);
    frames.push_back(std::min(first + offset, shape.frames - 1));
  }
  return frames;
}

// Of each segment the frame at a place in [0, 1) of it.
template <typename PlaceOf>
std::vector<std::int64_t> segments(std::int64_t count, std::int64_t shown, PlaceOf place_of) {
  const double length = static_cast<double>(shown) / static_cast<double>(count);
  std::vector<std::int64_t> frames;
  for (std::int64_t i = 0; i < count; ++i) {
    const double place = (static_cast<double>(i) + place_of()) * length;
    frames.push_back(std::min(static_cast<std::int64_t>(place), shown - 1));
  }
  return frames;
}

// Frames from a window's first to its last, both counted.
std::int64_t window_span(const ClipSampling& sampling, const VideoShape& shape) {
  return std::llround(static_cast<double>(sampling.frames - 1) * step_of(sampling, shape)) + 1;
}

// Places where a window can start: 0 to this.
std::int64_t last_start(const ClipSampling& sampling, const VideoShape& shape) {
  return std::max<std::int64_t>(0, shape.frames - window_span(sampling, shape));
}

std::vector<std::int64_t> drawn_frames(const ClipSampling& sampling,
                                       const VideoShape& shape,
                                       CounterRng& rng) {
  if (sampling.by == FrameSampling::kSegments) {
    return segments(sampling.frames, shape.frames, [&] { return rng.uniform(); });
  }
  const std::int64_t starts = last_start(sampling, shape) + 1;
  return window(sampling, shape, rng.below(static_cast<std::uint32_t>(starts)));
}

CropBox random_crop(const ClipAugmentation& augmentation,
                    const VideoShape& shape,
                    CounterRng& rng) {
  const BoxRange range{augmentation.area_min, augmentation.area_max, augmentation.aspect_max};
  return drawn_box(range, shape.width, shape.height, rng).value_or(centre_square(shape));
}

}  // namespace

void ClipSampling::check() const {
  require(frames > 0, Errc::kInvalidArgument, "frames is ", frames, ", not > 0");
  require(stride > 0, Errc::kInvalidArgument, "stride is ", stride, ", not > 0");
  require(size > 0, Errc::kInvalidArgument, "size is ", size, ", not > 0");
  require((by == FrameSampling::kSeconds) == (seconds > 0),
          Errc::kInvalidArgument,
          "seconds is ",
          seconds,
          by == FrameSampling::kSeconds ? ", not > 0" : ", but frames are not sampled by them");
}

void ClipAugmentation::check() const {
  require(area_min > 0, Errc::kInvalidArgument, "area_min is ", area_min, ", not > 0");
  require(area_max >= area_min && area_max <= 1,
          Errc::kInvalidArgument,
          "area_max is ",
          area_max,
          ", not in [area_min ",
          area_min,
          ", 1]");
  require(aspect_max >= 1, Errc::kInvalidArgument, "aspect_max is ", aspect_max, ", not >= 1");
}

double nominal_rate(const VideoShape& shape) {
  const double measured = shape.frames_per_second;
  if (!(measured > 0)) return kUsualRate;
  const double intervals = static_cast<double>(std::max<std::int64_t>(1, shape.frames - 1));
  const double tolerance = std::min(0.01, std::max(2e-4, 1e-3 * measured / intervals)) * measured;
  double nearest = measured;
  double distance = tolerance;
  const double halves = std::round(2.0 * measured) / 2.0;
  const double whole = std::round(measured * 1.001);
  for (const double candidate : {halves, whole * 1000.0 / 1001.0}) {
    if (std::abs(candidate - measured) >= distance) continue;
    nearest = candidate;
    distance = std::abs(candidate - measured);
  }
  return nearest;
}

ClipPlan plan_clip(const ClipSampling& sampling,
                   const ClipAugmentation& augmentation,
                   const VideoShape& shape,
                   const SampleKey& key) {
  CounterRng rng(key, Purpose::kClip);
  ClipPlan plan;
  plan.size = sampling.size;
  plan.mirror = rng.below(2) == 1 && augmentation.mirror;
  plan.frames = drawn_frames(sampling, shape, rng);
  plan.box = random_crop(augmentation, shape, rng);
  if (sampling.shuffle_frames) shuffle_frames(plan.frames, key);
  return plan;
}

std::vector<std::int64_t> middle_frames(const ClipSampling& sampling, const VideoShape& shape) {
  if (sampling.by == FrameSampling::kSegments) {
    return segments(sampling.frames, shape.frames, [] { return 0.5; });
  }
  return window(sampling, shape, last_start(sampling, shape) / 2);
}

CropBox centre_square(const VideoShape& shape) {
  const std::int64_t side = std::min(shape.width, shape.height);
  return {(shape.width - side) / 2, (shape.height - side) / 2, side, side};
}

void shuffle_frames(std::vector<std::int64_t>& frames, const SampleKey& key) {
  CounterRng rng(key, Purpose::kShuffle);
  for (std::size_t i = 0; i + 1 < frames.size(); ++i) {
    const std::size_t other = i + rng.below(static_cast<std::uint32_t>(frames.size() - i));
    std::swap(frames[i], frames[other]);
  }
}

}  // namespace larkspur::pipeline
