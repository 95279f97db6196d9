// SPDX-License-Identifier: Apache-2.0
#include "readers/video/clip_source.h"

#include <algorithm>
#include <utility>

#include <ATen/ops/empty.h>

#include "pipeline/require.h"
#include "readers/list/frame_list.h"
#include "readers/video/clip_transform.h"
#include "readers/video/distort_picture.h"
#include "readers/video/video_file.h"

namespace larkspur::readers {

void ClipSourceOptions::check() const {
  pipeline::require(product == ClipProduct::kClip || sampling.frames == 1,
                    pipeline::Errc::kInvalidArgument,
                    "frames is ",
                    sampling.frames,
                    ", but a picture is one");
  sampling.check();
  augmentation.check();
  distortion.check();
}

ClipSource::ClipSource(SampleList list, ClipSourceOptions options)
    : ListedSource(std::move(list)), options_(std::move(options)), indexes_(options_.index_cache) {
  options_.check();
  options_.eval_views = pipeline::sized(options_.eval_views, options_.sampling.size, 0);
}

namespace {

using pipeline::ClipPlan;

ClipPlan training_plan(const ClipSourceOptions& options,
                       const pipeline::VideoShape& shape,
                       const pipeline::SampleKey& key) {
  ClipPlan plan = pipeline::plan_clip(options.sampling, options.augmentation, shape, key);
  plan.pictures = pipeline::plan_pictures(options.distortion, plan.size, key);
  return plan;
}

/// The clips of several plans while the frames of their video come along.
class Clips {
 public:
  Clips(std::vector<ClipPlan> plans, const pipeline::VideoShape& shape, at::ScalarType pixels)
      : plans_(std::move(plans)), shape_(shape) {
    for (const ClipPlan& plan : plans_) {
      clips_.push_back(at::empty(
          {3, static_cast<std::int64_t>(plan.frames.size()), plan.size, plan.size}, pixels));
    }
  }

  std::vector<std::int64_t> wanted() const {
    std::vector<std::int64_t> numbers;
    for (const ClipPlan& plan : plans_) {
      numbers.insert(numbers.end(), plan.frames.begin(), plan.frames.end());
    }
    return numbers;
  }

  void take(std::int64_t number, const RgbFrame& frame) {
    resized_.clear();
    parts_.clear();
    for (std::size_t v = 0; v < plans_.size(); ++v) {
      const std::vector<std::int64_t>& frames = plans_[v].frames;
      for (std::size_t t = 0; t < frames.size(); ++t) {
        if (frames[t] != number) continue;
        normalise_frame(distorted_picture(part_of(frame, plans_[v]), plans_[v].pictures),
                        plans_[v].mirror,
                        clips_[v].select(1, static_cast<std::int64_t>(t)));
      }
    }
  }

  const std::vector<at::Tensor>& clips() const { return clips_; }

 private:
  /// Views share parts of a frame: clips that overlap, videos shorter than a clip.
  at::Tensor part_of(const RgbFrame& frame, const ClipPlan& plan) {
    for (const auto& [owner, part] : parts_) {
      if (owner->box == plan.box && owner->resized == plan.resized) return part;
    }
    const at::Tensor part_3SS = cut_frame(frame, plan, shape_, resized(frame, plan.resized));
    parts_.emplace_back(&plan, part_3SS);
    return part_3SS;
  }

  at::Tensor resized(const RgbFrame& frame, const pipeline::FrameSize& size) {
    if (size == pipeline::FrameSize{}) return {};
    for (const auto& [made, frame_3HW] : resized_) {
      if (made == size) return frame_3HW;
    }
    return resized_.emplace_back(size, resize_frame(frame, size)).second;
  }

  std::vector<ClipPlan> plans_;
  pipeline::VideoShape shape_;
  std::vector<at::Tensor> clips_;
  std::vector<std::pair<pipeline::FrameSize, at::Tensor>> resized_;  // of the frame at hand
  std::vector<std::pair<const ClipPlan*, at::Tensor>> parts_;        // likewise
};

}  // namespace

pipeline::Result<PlannedClips> ClipSource::plan_views_of(
    const VideoFile& video, std::span<const pipeline::SampleKey> keys) const {
  PlannedClips planned{shape_of(video), {}};
  const SampleEntry& sample = entry(keys.front().sample);
  const std::int64_t there = planned.shape.frames;
  if (auto error = listed_frames_error(sample.path, sample.frames, there)) return *error;
  planned.shape.frames = sample.frames.value_or(planned.shape.frames);
  const pipeline::VideoShape& shape = planned.shape;
  for (const pipeline::SampleKey& key : keys) {
    planned.plans.push_back(
        options_.training
            ? training_plan(options_, shape, key)
            : pipeline::plan_clip_view(options_.eval_views, options_.sampling, shape, key));
    const auto& [width, height] = planned.plans.back().resized;
    if (std::max(width, height) <= kLargestAspect * std::min(width, height)) continue;
    return pipeline::Error(pipeline::Errc::kUnsupported,
                           pipeline::text_of(name(key.sample),
                                             ": frames of ",
                                             shape.width,
                                             "x",
                                             shape.height,
                                             " are too narrow to be resized whole"));
  }
  return planned;
}

pipeline::Result<IndexCache::Opened> ClipSource::open(const SampleEntry& sample) const {
  if (auto error = listed_frames_error(sample.path, sample.frames)) return *error;
  return indexes_.open(sample.path);
}

pipeline::Result<PlannedClips> ClipSource::plan_views(
    std::span<const pipeline::SampleKey> keys) const {
  const auto opened = open(entry(keys.front().sample));
  if (!opened.ok()) return opened.error();
  return plan_views_of(*opened.value().video, keys);
}

pipeline::Result<std::vector<pipeline::Sample>> ClipSource::read_file(
    std::span<const pipeline::SampleKey> keys) const {
  const SampleEntry& sample = entry(keys.front().sample);
  const auto opened = open(sample);
  if (!opened.ok()) return opened.error();
  VideoFile& video = *opened.value().video;
  const auto planned = plan_views_of(video, keys);
  if (!planned.ok()) return planned.error();
  Clips clips(planned.value().plans, planned.value().shape, options_.pixels);
  const auto read = video.read(clips.wanted(), [&](std::int64_t number, const RgbFrame& frame) {
    clips.take(number, frame);
  });
  if (!read.ok()) return read.error();
  std::vector<pipeline::Sample> views;
  const bool is_image = options_.product == ClipProduct::kImage;
  for (const at::Tensor& clip_CTHW : clips.clips()) {
    pipeline::Inputs inputs{is_image ? pipeline::Input{"image", clip_CTHW.select(1, 0)}
                                     : pipeline::Input{"clip", clip_CTHW}};
    views.push_back({std::move(inputs), sample_labels(sample)});
  }
  return views;
}

}  // namespace larkspur::readers
