// SPDX-License-Identifier: Apache-2.0
#include "readers/video/stream_windows.h"

#include <algorithm>

#include <ATen/ops/empty.h>

#include "pipeline/require.h"
#include "readers/video/clip_transform.h"

namespace larkspur::readers {

using pipeline::Errc;
using pipeline::require;

void WindowOptions::check() const {
  sampling.check();
  pipeline::require_within("the window's frames", length, 1, kLongestWindow);
  pipeline::require_within("the hop's frames", hop, 1, kLongestWindow);
}

std::int64_t clip_span(const pipeline::ClipSampling& sampling) {
  return (sampling.frames - 1) * sampling.stride + 1;
}

StreamWindows::StreamWindows(const WindowOptions& options) : options_(options) { options_.check(); }

bool StreamWindows::is_looked_at(std::int64_t number) const {
  return std::any_of(offsets_.begin(), offsets_.end(), [&](std::int64_t offset) {
    return number >= offset && (number - offset) % options_.hop == 0;
  });
}

// The size of frames is that of the first one.
void StreamWindows::plan(const RgbFrame& picture) {
  shape_ = {options_.length, picture.width, picture.height, options_.frames_per_second};
  for (std::int64_t view = 0; view < options_.views.count(); ++view) {
    const pipeline::SampleKey key{options_.seed, 0, 0, static_cast<std::uint16_t>(view)};
    plans_.push_back(pipeline::plan_clip_view(options_.views, options_.sampling, shape_, key));
    const pipeline::ClipPlan& one = plans_.back();
    const auto& [width, height] = one.resized;
    require(std::max(width, height) <= kLargestAspect * std::min(width, height),
            Errc::kUnsupported,
            "frames of ",
            picture.width,
            "x",
            picture.height,
            " are too narrow to be resized whole");
    auto part = std::find(parts_.begin(), parts_.end(), one);
    if (part == parts_.end()) part = parts_.insert(part, Part{one});
    part_of_view_.push_back(static_cast<std::size_t>(part - parts_.begin()));
    offsets_.insert(offsets_.end(), one.frames.begin(), one.frames.end());
  }
  std::sort(offsets_.begin(), offsets_.end());
  offsets_.erase(std::unique(offsets_.begin(), offsets_.end()), offsets_.end());
  // Of frames far from the start, where every window that may look at one is there.
  std::int64_t kept = 0;
  for (std::int64_t n = 0; n < options_.length; ++n) {
    kept += is_looked_at(n + options_.length * options_.hop) ? 1 : 0;
  }
  const std::int64_t side = plans_.front().size;
  const std::int64_t bytes = kept * std::ssize(parts_) * 3 * side * side;
  require(bytes <= kMostWindowBytes,
          Errc::kInvalidArgument,
          "windows of ",
          options_.length,
          " frames every ",
          options_.hop,
          " keep ",
          kept,
          " frames, ",
          bytes >> 20,
          " MiB, more than ",
          kMostWindowBytes >> 20,
          ": take a longer hop, best a multiple of the frames from one of a clip to the next");
}

std::vector<at::Tensor> StreamWindows::parts_of(const RgbFrame& picture) const {
  std::vector<at::Tensor> parts;
  for (const Part& part : parts_) {
    const bool is_resized = part.plan.resized != pipeline::FrameSize{};
    const at::Tensor resized = is_resized ? resize_frame(picture, part.plan.resized) : at::Tensor();
    parts.push_back(cut_frame(picture, part.plan, shape_, resized));
  }
  return parts;
}

// The next one to hand out, of so many frames.
StreamWindow StreamWindows::window(std::int64_t frames) {
  StreamWindow made;
  made.index = windows_;
  made.first_frame = windows_ * options_.hop;
  made.frames = frames;
  made.first_seconds = starts_.front();
  made.last_seconds = last_.seconds;
  const auto filler =
      frames < options_.length ? parts_of(last_.picture) : std::vector<at::Tensor>();
  for (std::size_t v = 0; v < plans_.size(); ++v) {
    const pipeline::ClipPlan& one = plans_[v];
    const at::Tensor clip_CTHW =
        at::empty({3, std::ssize(one.frames), one.size, one.size}, options_.pixels);
    for (std::size_t t = 0; t < one.frames.size(); ++t) {
      const bool is_there = one.frames[t] < frames;
      const auto& parts = is_there ? kept_.at(made.first_frame + one.frames[t]) : filler;
      const at::Tensor place_3SS = clip_CTHW.select(1, static_cast<std::int64_t>(t));
      normalise_frame(parts[part_of_view_[v]], one.mirror, place_3SS);
    }
    const bool is_image = options_.product == ClipProduct::kImage;
    pipeline::Inputs inputs{is_image ? pipeline::Input{"image", clip_CTHW.select(1, 0)}
                                     : pipeline::Input{"clip", clip_CTHW}};
    made.views.push_back({std::move(inputs), {pipeline::kNoLabel}});
  }
  ++windows_;
  starts_.pop_front();
  kept_.erase(kept_.begin(), kept_.lower_bound(windows_ * options_.hop));
  return made;
}

std::optional<StreamWindow> StreamWindows::add(const StreamFrame& frame) {
  if (plans_.empty()) plan(frame.picture);
  last_ = frame;
  const std::int64_t number = frames_++;
  if (number % options_.hop == 0) starts_.push_back(frame.seconds);
  if (is_looked_at(number)) kept_.emplace(number, parts_of(frame.picture));
  if (frames_ < windows_ * options_.hop + options_.length) return std::nullopt;
  return window(options_.length);
}

std::optional<StreamWindow> StreamWindows::finish() {
  const std::int64_t seen = windows_ == 0 ? 0 : (windows_ - 1) * options_.hop + options_.length;
  const std::int64_t first = windows_ * options_.hop;
  if (frames_ <= seen || frames_ <= first) return std::nullopt;
  return window(frames_ - first);
}

}  // namespace larkspur::readers
