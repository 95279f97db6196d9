// SPDX-License-Identifier: Apache-2.0
#include "readers/video/video_index.h"

#include <algorithm>
#include <utility>

namespace larkspur::readers {
namespace {

// As many as H.264 and HEVC let a decoder hold.
constexpr std::size_t kDeepestReorder = 16;

// Keyframes stored before a frame and shown after it: one in good files, a bound for bad ones.
constexpr int kMostKeyframesBack = 64;

}  // namespace

VideoIndex::VideoIndex(std::vector<PacketFacts> packets) : packets_(std::move(packets)) {
  for (std::size_t i = 0; i < packets_.size(); ++i) {
    if (packets_[i].is_key && packets_[i].pts != kNoTime) keyframes_.push_back(i);
  }
  number_frames();
}

void VideoIndex::number_frames() {
  frames_.clear();
  for (std::size_t i = 0; i < packets_.size(); ++i) {
    if (packets_[i].is_shown) frames_.push_back({packets_[i].pts, i});
  }
  std::stable_sort(frames_.begin(), frames_.end(), [](const Shown& one, const Shown& other) {
    return one.pts < other.pts;
  });
  const auto twice =
      std::adjacent_find(frames_.begin(), frames_.end(), [](const Shown& one, const Shown& other) {
        return one.pts == other.pts;
      });
  has_usable_times_ = !frames_.empty() && frames_.front().pts != kNoTime && twice == frames_.end();
}

std::optional<std::int64_t> VideoIndex::number_at(std::int64_t pts) const {
  const auto found = std::lower_bound(
      frames_.begin(), frames_.end(), pts, [](const Shown& frame, std::int64_t time) {
        return frame.pts < time;
      });
  if (found == frames_.end() || found->pts != pts) return std::nullopt;
  return found - frames_.begin();
}

std::optional<std::size_t> VideoIndex::keyframe_for(std::int64_t number) const {
  const Shown& frame = frames_[static_cast<std::size_t>(number)];
  auto keyframe = std::upper_bound(keyframes_.begin(), keyframes_.end(), frame.packet);
  for (int i = 0; i < kMostKeyframesBack && keyframe != keyframes_.begin(); ++i) {
    --keyframe;
    if (packets_[*keyframe].pts <= frame.pts) return *keyframe;
  }
  return std::nullopt;
}

std::optional<std::size_t> VideoIndex::find(const PacketFacts& packet, std::size_t last) const {
  for (std::size_t i = std::min(last + 1, packets_.size()); i-- > 0;) {
    if (packets_[i].pts == packet.pts && packets_[i].position == packet.position) return i;
  }
  return std::nullopt;
}

std::vector<std::int64_t> VideoIndex::uncertain() const {
  std::vector<std::int64_t> numbers;
  for (std::int64_t number = 0; number < frames(); ++number) {
    if (!keyframe_for(number)) numbers.push_back(number);
  }
  return numbers;
}

void VideoIndex::forget(const std::vector<std::int64_t>& numbers) {
  for (const std::int64_t number : numbers) {
    packets_[frames_[static_cast<std::size_t>(number)].packet].is_shown = false;
  }
  number_frames();
}

int VideoIndex::reorder_depth() const {
  std::size_t deepest = 0;
  for (std::size_t i = 0; i < packets_.size(); ++i) {
    std::size_t later = 0;
    for (std::size_t back = 1; back <= std::min(i, 2 * kDeepestReorder); ++back) {
      if (packets_[i - back].pts > packets_[i].pts) ++later;
    }
    deepest = std::max(deepest, later);
  }
  return static_cast<int>(std::min(deepest, kDeepestReorder));
}

double VideoIndex::frames_per_second(double unit) const {
  if (frames_.empty()) return 0;
  return average_rate(frames(), frames_.front().pts, frames_.back().pts, unit);
}

double average_rate(std::int64_t count, std::int64_t first, std::int64_t last, double unit) {
  // In double: two times of a damaged file can be further apart than an integer holds.
  const double seconds = (static_cast<double>(last) - static_cast<double>(first)) * unit;
  return count > 1 && seconds > 0 ? static_cast<double>(count - 1) / seconds : 0;
}

}  // namespace larkspur::readers
