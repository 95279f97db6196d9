// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plan/clip_plan.h"

#include <algorithm>
#include <cmath>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

// Frame numbers of a window that starts at `first`; past the end the last one again.
std::vector<std::int64_t> window(const ClipSampling& sampling,
                                 std::int64_t shown,
                                 std::int64_t first) {
  std::vector<std::int64_t> frames;
  for (std::int64_t i = 0; i < sampling.frames; ++i) {
    frames.push_back(std::min(first + i * sampling.stride, shown - 1));
  }
  return frames;
}

// Places where a window can start: 0 to this.
std::int64_t last_start(const ClipSampling& sampling, std::int64_t shown) {
  const std::int64_t span = (sampling.frames - 1) * sampling.stride + 1;
  return std::max<std::int64_t>(0, shown - span);
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

ClipPlan plan_clip(const ClipSampling& sampling,
                   const ClipAugmentation& augmentation,
                   const VideoShape& shape,
                   const SampleKey& key) {
  CounterRng rng(key, Purpose::kClip);
  const std::int64_t starts = last_start(sampling, shape.frames) + 1;
  ClipPlan plan;
  plan.size = sampling.size;
  plan.mirror = rng.below(2) == 1 && augmentation.mirror;
  plan.frames = window(sampling, shape.frames, rng.below(static_cast<std::uint32_t>(starts)));
  plan.box = random_crop(augmentation, shape, rng);
  if (sampling.shuffle_frames) shuffle_frames(plan.frames, key);
  return plan;
}

std::vector<std::int64_t> middle_window(const ClipSampling& sampling, std::int64_t shown) {
  return window(sampling, shown, last_start(sampling, shown) / 2);
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
