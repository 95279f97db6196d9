// SPDX-License-Identifier: Apache-2.0
#include "readers/video/frame_cursor.h"

#include <algorithm>

namespace larkspur::readers {

FrameCursor::FrameCursor(const std::filesystem::path& path)
    : container_(path), index_(container_.read_index()), next_packet_(make_packet()) {
  // A stream that probing could not decode is not what its headers say.
  is_counting_ = !index_.has_usable_times() || container_.stream().codecpar->format < 0;
  const int depth = is_counting_ ? 0 : index_.reorder_depth();
  try {
    decoder_ = std::make_unique<VideoDecoder>(container_.stream(), depth);
  } catch (const pipeline::Error& error) {
    throw error.within(path.string());
  }
}

void FrameCursor::start(std::size_t packet, std::span<const std::int64_t> wanted) {
  packet_ = container_.seek(index_, packet);
  decoder_->reset();
  wanted_ = wanted;
  counted_ = 0;
  has_ended_ = false;
}

void FrameCursor::restart() {
  container_.rewind();
  packet_ = 0;
  decoder_->reset();
  wanted_ = {};
  counted_ = 0;
  has_ended_ = false;
}

bool FrameCursor::is_unwanted(const AVPacket& packet) const {
  if (wanted_.empty() || is_counting_ || !decoder_->can_skip()) return false;
  const auto number = index_.number_at(packet.pts);
  return number && !std::binary_search(wanted_.begin(), wanted_.end(), *number);
}

std::optional<NumberedFrame> FrameCursor::next() {
  for (;;) {
    if (const AVFrame* const frame = decoder_->receive()) {
      if (is_counting_) return NumberedFrame{counted_++, frame};
      if (const auto number = index_.number_at(frame->pts)) return NumberedFrame{*number, frame};
      continue;
    }
    if (has_ended_) return std::nullopt;
    if (container_.next(*next_packet_)) {
      decoder_->send(*next_packet_, is_unwanted(*next_packet_));
      ++packet_;
    } else {
      decoder_->send_end();
      has_ended_ = true;
    }
  }
}

}  // namespace larkspur::readers
