// SPDX-License-Identifier: Apache-2.0
#include "readers/video/video_index.h"

#include <algorithm>
#include <utility>

#include "pipeline/require.h"

namespace larkspur::readers {
namespace {

// As many as H.264 and HEVC let a decoder hold.
constexpr std::size_t kDeepestReorder = 16;

// Keyframes stored before a frame and shown after it: one in good files, a bound for bad ones.
constexpr int kMostKeyframesBack = 64;

}  // namespace

VideoIndex::VideoIndex(std::vector<PacketFacts> packets) : packets_(std::move(packets)) {
  for (std::size_t i = 0; i < packets_.size(); ++i) {
    if (packets_[i].pts == kNoTime) continue;
    if (packets_[i].is_key) keyframes_.push_back(i);
    if (packets_[i].is_start) starts_.push_back(i);
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

bool VideoIndex::has_confirmed_order() const {
  std::vector<const PacketFacts*> shown;
  for (const PacketFacts& packet : packets_) {
    if (!packet.place.is_known) return false;
    if (packet.is_shown) shown.push_back(&packet);
  }
  const auto before = [](const PacketFacts* one, const PacketFacts* other) {
    return std::pair(one->place.sequence, one->place.order) <
           std::pair(other->place.sequence, other->place.order);
  };
  std::stable_sort(shown.begin(), shown.end(), before);
  return std::adjacent_find(
             shown.begin(), shown.end(), [&](const PacketFacts* one, const PacketFacts* other) {
               const bool is_twice = one->place.is_counted && !before(one, other);
               return is_twice || one->pts >= other->pts;
             }) == shown.end();
}

// Of packets in rising order: the last that is neither stored nor shown after the frame.
std::optional<std::size_t> VideoIndex::last_before(const std::vector<std::size_t>& packets,
                                                   std::int64_t number) const {
  const Shown& frame = frames_[static_cast<std::size_t>(number)];
  auto packet = std::upper_bound(packets.begin(), packets.end(), frame.packet);
  for (int i = 0; i < kMostKeyframesBack && packet != packets.begin(); ++i) {
    --packet;
    if (packets_[*packet].pts <= frame.pts) return *packet;
  }
  return std::nullopt;
}

std::optional<std::size_t> VideoIndex::keyframe_for(std::int64_t number) const {
  return last_before(keyframes_, number);
}

std::size_t VideoIndex::first_packet(std::int64_t number) const {
  return last_before(starts_, number).value_or(0);
}

std::int64_t VideoIndex::last_stored_before(std::int64_t number) const {
  const std::size_t packet = frames_[static_cast<std::size_t>(number)].packet;
  std::int64_t last = number;
  for (std::size_t back = 1; back <= std::min(packet, 2 * kDeepestReorder); ++back) {
    const PacketFacts& before = packets_[packet - back];
    if (before.is_shown) last = std::max(last, number_at(before.pts).value_or(number));
  }
  return last;
}

std::optional<std::size_t> VideoIndex::last_packet(std::int64_t number) const {
  const std::size_t packet = frames_[static_cast<std::size_t>(number)].packet;
  const bool is_whole = packet + 1 < packets_.size() && packets_[packet + 1].is_shown;
  return is_whole ? std::optional(packet) : std::nullopt;
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

std::vector<std::int64_t> rising_frames(std::span<const std::int64_t> numbers,
                                        std::int64_t frames,
                                        const std::string& video) {
  std::vector<std::int64_t> wanted(numbers.begin(), numbers.end());
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  for (const std::int64_t number : wanted) {
    pipeline::require(number >= 0 && number < frames,
                      pipeline::Errc::kInvalidArgument,
                      video,
                      ": no frame ",
                      number,
                      ", they count from 0 to ",
                      frames - 1);
  }
  return wanted;
}

double average_rate(std::int64_t count, std::int64_t first, std::int64_t last, double unit) {
  // In double: two times of a damaged file can be further apart than an integer holds.
  const double seconds = (static_cast<double>(last) - static_cast<double>(first)) * unit;
  return count > 1 && seconds > 0 ? static_cast<double>(count - 1) / seconds : 0;
}

}  // namespace larkspur::readers
