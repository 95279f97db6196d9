// SPDX-License-Identifier: Apache-2.0
// Which frames of a video a clip takes and which part of them: decided here, executed by readers.
//
//   (key, shape of the video) -- plan --> frame numbers, crop box, mirror --> one clip
//
// Windows as VideoMAE (Tong et al. 2022, arXiv 2203.12602, section 4): `frames` frames, `stride`
// apart, or in so many seconds. Segments as TSN (Wang et al. 2016, arXiv 1608.00859, section 3.1).
// Crops as Inception (Szegedy et al. 2015, section 6): a share of the frame's area and a
// ratio of its sides, both drawn. The ratio is uniform in its logarithm.
#pragma once

#include <cstdint>
#include <vector>

#include "pipeline/plan/crop_box.h"
#include "pipeline/plan/picture_plan.h"
#include "pipeline/rng.h"

namespace larkspur::pipeline {

/// How a clip's frames lie in its video. N frames shown, T in a clip.
enum class FrameSampling : std::uint8_t {
  kStride,    ///< a window: `stride` frames from one to the next
  kSeconds,   ///< a window of `seconds` at the video's rate: T frames, seconds / T apart
  kSegments,  ///< all of it: T parts of N / T frames, of each one frame, in evaluation the middle
};

/// What is taken of every video.
struct ClipSampling {
  std::int64_t frames = 16;  ///< frames in a clip, > 0
  std::int64_t stride = 4;   ///< kStride: frames of the video from one to the next, > 0
  std::int64_t size = 112;   ///< width and height of the clip, > 0
  /// A control experiment: the chosen frames in an order drawn by the key, in evaluation too.
  bool shuffle_frames = false;
  FrameSampling by = FrameSampling::kStride;
  double seconds = 0.0;  ///< kSeconds: of a window, > 0; else 0

  /// Throws kInvalidArgument naming the field at fault and its value.
  void check() const;
};

/// Ranges a training view is drawn from. The defaults crop the largest centred square.
struct ClipAugmentation {
  double area_min = 1.0;    ///< share of the frame's area, in (0, 1]
  double area_max = 1.0;    ///< >= area_min, <= 1
  double aspect_max = 1.0;  ///< width over height in [1 / aspect_max, aspect_max], >= 1
  bool mirror = false;      ///< left and right swapped with probability one half

  /// Throws kInvalidArgument naming the field at fault and its value.
  void check() const;
};

/// A video as people see it, after its rotation.
struct VideoShape {
  std::int64_t frames = 0;         ///< > 0
  std::int64_t width = 0;          ///< > 0
  std::int64_t height = 0;         ///< > 0
  double frames_per_second = 0.0;  ///< average; 0 where unknown
};

/// The rate that people mean: averages over times of milliseconds are not quite 30, so a half, a
/// whole or 1000/1001 of a whole number, where the measured one is as near as such times tell.
/// 30 where it is unknown.
double nominal_rate(const VideoShape& shape);

/// Pixels; 0 x 0 stands for "as it is".
struct FrameSize {
  std::int64_t width = 0;
  std::int64_t height = 0;

  bool operator==(const FrameSize&) const = default;
};

/// One view of one video; a pure value.
struct ClipPlan {
  std::vector<std::int64_t> frames;  ///< frame numbers in order of the clip, [0, shape.frames)
  FrameSize resized;                 ///< what frames are resized to before the box is cut
  CropBox box;                       ///< of the rotated, resized frame; where frames are not
                                     ///< resized, it is, to size x size
  bool mirror = false;
  std::int64_t size = 0;   ///< width and height of the clip
  PicturePlan pictures{};  ///< what is done to them at that size, before they are mirrored

  bool operator==(const ClipPlan&) const = default;
};

/// A training view: a window at a random place, or a random frame of each segment; a random crop.
/// Of a video shorter than the window the last frame is repeated, of one with fewer frames than
/// segments some are taken twice, in order. A pure function of its arguments.
ClipPlan plan_clip(const ClipSampling& sampling,
                   const ClipAugmentation& augmentation,
                   const VideoShape& shape,
                   const SampleKey& key);

/// Frame numbers of the window in the middle of a video, or the middles of its segments.
std::vector<std::int64_t> middle_frames(const ClipSampling& sampling, const VideoShape& shape);

/// The largest centred square of a frame.
CropBox centre_square(const VideoShape& shape);

/// Frame numbers in an order drawn by the key (ClipSampling::shuffle_frames).
void shuffle_frames(std::vector<std::int64_t>& frames, const SampleKey& key);

}  // namespace larkspur::pipeline
