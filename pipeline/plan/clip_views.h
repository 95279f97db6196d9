// SPDX-License-Identifier: Apache-2.0
// The views of a video that an evaluation scores: clip after clip, of each crop after crop.
//
//   view v = clip v / crops, crop v % crops:  frame numbers, the frame's new size, the crop in it
//
// N frames at f a second, T = frames of a clip, r = stride, n clips, k = 0 .. n-1, j = 0 .. T-1;
// [x] cuts off what is behind the point. All of it is arithmetic on these numbers: no video is
// needed to know what a protocol looks at.
#pragma once

#include <cstdint>

#include "pipeline/plan/clip_plan.h"

namespace larkspur::pipeline {

/// Where clips start and which frames they take.
enum class ClipPlaces : std::uint8_t {
  /// The window of T frames in the middle, the last frame again where the video is short, or the
  /// middles of T segments, as the run samples frames (ClipSampling::by). All others count strides.
  kMiddle,
  /// Frames 0, r, 2r, ... are L = ceil(N / r), the last one again up to T; clip k starts at the
  /// [k (L - T) / (n - 1)]th of them; n = 1: in their middle.
  kStrided,
  /// A span of s = max(1, r T f / 30) frames; D = max(N - s, 0); start a = D k / n, a real number.
  /// Frame j is ceil(a) + [j (s - 1) / (T - 1)], at most [a + s - 1] and N - 1.
  kSeconds30,
  /// The same with a = k [D / (n - 1)]; n = 1: [D / 2].
  kSeconds30Offset,
  /// A span of (T - 1) r + 1 frames; M = N - that, at least 0; start k M / (n - 1) rounded, half to
  /// even; n = 1: [M / 2]. Frames r apart, modulo N. T = 1: one frame a segment, [(k + 1/2) N / n].
  kRounded,
  /// A span of s = max(1, T r f / 30) frames; M = max(N - s, 0), its whole part taken; start
  /// k [M / (n - 1)]; frame j is start + [j (s - 1) / (T - 1)], modulo N.
  kRounded30,
  /// c = T r / 30 seconds of D = N / f; start k max(D - c, 0) / (n - 1). Of the t frames shown in
  /// [start, start + c) number [j (t - 1) / (T - 1)].
  kSeconds
};

/// Which parts of a frame.
enum class CropPlaces : std::uint8_t {
  /// One: the largest centred square, resized.
  kSquare,
  /// The frame is resized first (long side [long / short * size]). Three: left, centre, right where
  /// it is at least as wide as high, else top, centre, bottom; the centre starts at
  /// ceil((d - size) / 2). One: that centre.
  kCeilCentre,
  /// Likewise, the long side rounded; three in the order first, last, middle: with w = [(d - size)
  /// / 2] at 0, 2 w, w. One: at w.
  kFloorCentre,
  /// One, the centre of a frame resized likewise ([size * long / short]), rounded half to even.
  kRoundCentre,
  /// Likewise; crop i of m at [i (long - short) / (m - 1)].
  kSpread
};

/// How a protocol looks at a video. A size of 0 is a run's own (sized()).
struct ClipViews {
  ClipPlaces places = ClipPlaces::kMiddle;
  CropPlaces crops_at = CropPlaces::kSquare;
  std::int64_t clips = 1;       ///< n, > 0
  std::int64_t crops = 1;       ///< 1 or 3
  std::int64_t short_side = 0;  ///< pixels of the resized frame; kSquare: no matter
  std::int64_t crop = 0;        ///< width and height of a crop, pixels

  std::int64_t count() const { return clips * crops; }
};

/// The same views with their sizes: the protocol's own where it has any, else crops of `data_size`.
/// An `eval_size` other than 0 is what crops are then; the short side keeps its ratio to them.
ClipViews sized(ClipViews views, std::int64_t data_size, std::int64_t eval_size);

/// View key.view of a video; `views` with their sizes, `sampling.size` is not looked at. The rest
/// of the key is used for shuffle_frames only. A rate of 0 counts as 30. Throws kInvalidArgument
/// for a view that there is not.
ClipPlan plan_clip_view(const ClipViews& views,
                        const ClipSampling& sampling,
                        const VideoShape& shape,
                        const SampleKey& key);

}  // namespace larkspur::pipeline
