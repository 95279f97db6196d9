// SPDX-License-Identifier: Apache-2.0
#include "readers/clip_source.h"

#include <utility>

#include <ATen/ops/empty.h>

#include "pipeline/require.h"
#include "readers/clip_transform.h"
#include "readers/video_file.h"

namespace larkspur::readers {

using pipeline::Errc;
using pipeline::require;

void ClipSourceOptions::check() const {
  sampling.check();
  augmentation.check();
}

ClipSource::ClipSource(SampleList list, ClipSourceOptions options)
    : list_(std::move(list)), options_(options) {
  options_.check();
  require(!list_.entries.empty(), Errc::kInvalidArgument, "[clip_source] a list of 0 samples");
}

std::int64_t ClipSource::size() const { return std::ssize(list_.entries); }

std::string ClipSource::name(std::int64_t id) const { return entry(id).name; }

std::int64_t ClipSource::label(std::int64_t id) const { return entry(id).label; }

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
  const auto place = [&](std::int64_t number, const Picture& picture) {
    const at::Tensor picture_CHW = transform_picture(picture, plan, shape, sampling.size);
    for (std::size_t t = 0; t < plan.frames.size(); ++t) {
      if (plan.frames[t] == number)
        clip_CTHW.select(1, static_cast<std::int64_t>(t)).copy_(picture_CHW);
    }
  };
  const auto read = video.read(plan.frames, place);
  if (!read.ok()) return read.error();
  return pipeline::Sample{clip_CTHW, sample.label};
}

const SampleEntry& ClipSource::entry(std::int64_t id) const {
  require(
      id >= 0 && id < size(), Errc::kInvalidArgument, "[clip_source] sample ", id, " of ", size());
  return list_.entries[static_cast<std::size_t>(id)];
}

}  // namespace larkspur::readers
