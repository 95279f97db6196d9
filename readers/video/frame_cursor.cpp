// SPDX-License-Identifier: Apache-2.0
#include "readers/video/frame_cursor.h"

#include <algorithm>
#include <utility>

namespace larkspur::readers {

FrameCursor::FrameCursor(std::unique_ptr<ByteSource> source, const VideoIndex* known)
    : container_(std::move(source)),
      index_(known != nullptr ? *known : container_.read_index()),
      next_packet_(make_packet()) {
  // A stream that probing could not decode is not what its headers say.
  is_counting_ = !index_.has_usable_times() || !index_.has_confirmed_order() ||
                 container_.stream().codecpar->format < 0;
  begin(0, {});
}

// A decoder that is only flushed keeps what it learnt: parameter sets, depths, makes of encoders.
void FrameCursor::begin(std::size_t packet, std::span<const std::int64_t> wanted) {
  const int depth = is_counting_ ? 0 : index_.reorder_depth();
  try {
    decoder_ = std::make_unique<VideoDecoder>(container_.stream(), depth);
  } catch (const pipeline::Error& error) {
    throw error.within(container_.name());
  }
  packet_ = packet;
  end_ = SIZE_MAX;
  wanted_ = wanted;
  counted_ = 0;
  is_draining_ = false;
  has_ended_ = false;
}

void FrameCursor::start(std::size_t packet, std::span<const std::int64_t> wanted) {
  begin(container_.seek(index_, packet), wanted);
}

void FrameCursor::restart() {
  container_.rewind();
  begin(0, {});
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
    if (!is_draining_ && packet_ < end_ && container_.next(*next_packet_)) {
      decoder_->send(*next_packet_, is_unwanted(*next_packet_));
      ++packet_;
    } else {
      decoder_->send_end();
      has_ended_ = true;
    }
  }
}

}  // namespace larkspur::readers
