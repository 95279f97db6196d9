// SPDX-License-Identifier: Apache-2.0
// Videos as samples: from a list entry and a key to the clip that a network sees.
//
//   file -- index -- a plan for each view: which frames, which part -- decode those of all views
//   once -- resize, crop, distort, mirror, normalise -- a clip for each view
//
// The key decides every draw, so a sample is the same in any thread, on any rank, after any
// restart.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pipeline/plan/clip_views.h"
#include "readers/list/listed_source.h"
#include "readers/video/index_cache.h"

namespace larkspur::readers {

/// What a sample is made of.
enum class ClipProduct : std::uint8_t {
  kClip,  ///< "clip", [3, T, S, S]
  kImage  ///< "image", [3, S, S], the first frame: of pictures, which are videos of one
};

struct ClipSourceOptions {
  pipeline::ClipSampling sampling{};
  bool training = false;                      ///< random window and crop; else `eval_views`
  pipeline::ClipAugmentation augmentation{};  ///< used in training only
  pipeline::PictureDistortion distortion{};   ///< likewise
  ClipProduct product = ClipProduct::kClip;   ///< kImage: sampling.frames is 1
  pipeline::ClipViews eval_views{};           ///< used outside training; a crop of 0: as sampling
  IndexFolder index_cache{};                  ///< of the videos
  at::ScalarType pixels = at::kFloat;         ///< what inputs are written as: float32 and bfloat16
                                              ///< normalised, uint8 not (pipeline/float_input.h)

  /// Throws kInvalidArgument naming the field at fault and its value.
  void check() const;
};

/// Views of one video.
struct PlannedClips {
  pipeline::VideoShape shape;
  std::vector<pipeline::ClipPlan> plans;  ///< one a view
};

/// Frames longer than 64 times their width (or wider than 64 times their height) are not resized
/// whole: a view that wants that is kUnsupported.
inline constexpr std::int64_t kLargestAspect = 64;

/// One input as the product and `pixels` say, red, green, blue. Owns its list. Const and
/// callable from many threads at once; each call opens its own file, and decodes a frame that
/// several views take once.
class ClipSource final : public ListedSource {
 public:
  /// Throws kInvalidArgument for options out of range or an empty list. Opens no file.
  ClipSource(SampleList list, ClipSourceOptions options);

  /// What reading these views would take of the video. Opens it and decodes no more than opening
  /// does. Errors as read_views().
  pipeline::Result<PlannedClips> plan_views(std::span<const pipeline::SampleKey> keys) const;

 private:
  pipeline::Result<IndexCache::Opened> open(const SampleEntry& sample) const;

  pipeline::Result<PlannedClips> plan_views_of(const VideoFile& video,
                                               std::span<const pipeline::SampleKey> keys) const;

  pipeline::Result<std::vector<pipeline::Sample>> read_file(
      std::span<const pipeline::SampleKey> keys) const override;

  ClipSourceOptions options_;
  IndexCache indexes_;
};

}  // namespace larkspur::readers
