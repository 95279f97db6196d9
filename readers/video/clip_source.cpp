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

pipeline::Result<pipeline::Sample> ClipSource::read(const pipeline::SampleKey& key) const {
  const SampleEntry& sample = entry(key.sample);
  const auto opened = VideoFile::open(sample.path);
  if (!opened.ok()) return opened.error();
  VideoFile& video = *opened.value();
  const pipeline::VideoShape shape{video.frames(), video.width(), video.height()};
  const pipeline::ClipSampling& sampling = options_.sampling;
  const pipeline::ClipPlan plan =
      options_.training ? pipeline::plan_clip(sampling, options_.augmentation, shape, key)
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
  return pipeline::Sample{clip_CTHW, sample.label};
}

}  // namespace larkspur::readers
