// SPDX-License-Identifier: Apache-2.0
#include "readers/video/clip_source.h"

#include <utility>

#include <ATen/ops/empty.h>

#include "readers/video/clip_transform.h"
#include "readers/video/video_file.h"

namespace larkspur::readers {

void ClipSourceOptions::check() const {
  sampling.check();
  augmentation.check();
}

ClipSource::ClipSource(SampleList list, ClipSourceOptions options)
    : ListedSource(std::move(list)), options_(options) {
  options_.check();
}

namespace {

pipeline::Result<at::Tensor> read_clip(VideoFile& video,
                                       const ClipSourceOptions& options,
                                       const pipeline::SampleKey& key) {
  const pipeline::VideoShape shape{video.frames(), video.width(), video.height()};
  const pipeline::ClipSampling& sampling = options.sampling;
  const pipeline::ClipPlan plan =
      options.training ? pipeline::plan_clip(sampling, options.augmentation, shape, key)
                       : pipeline::plan_center_clip(sampling, shape, key);
  at::Tensor clip_CTHW = at::empty({3, sampling.frames, sampling.size, sampling.size}, at::kFloat);
  const auto place = [&](std::int64_t number, const RgbFrame& frame) {
    const at::Tensor frame_CHW = transform_frame(frame, plan, shape, sampling.size);
    for (std::size_t t = 0; t < plan.frames.size(); ++t) {
      if (plan.frames[t] == number)
        clip_CTHW.select(1, static_cast<std::int64_t>(t)).copy_(frame_CHW);
    }
  };
  const auto read = video.read(plan.frames, place);
  if (!read.ok()) return read.error();
  return clip_CTHW;
}

}  // namespace

pipeline::Result<std::vector<pipeline::Sample>> ClipSource::read_file(
    std::span<const pipeline::SampleKey> keys) const {
  const SampleEntry& sample = entry(keys.front().sample);
  const auto opened = VideoFile::open(sample.path);
  if (!opened.ok()) return opened.error();
  std::vector<pipeline::Sample> views;
  for (const pipeline::SampleKey& key : keys) {
    const auto clip = read_clip(*opened.value(), options_, key);
    if (!clip.ok()) return clip.error();
    views.push_back({{{"clip", clip.value()}}, {sample.label}});
  }
  return views;
}

}  // namespace larkspur::readers
