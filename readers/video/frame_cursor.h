// SPDX-License-Identifier: Apache-2.0
// The frames of a video one after the other with their numbers, from a place of one's choice.
//
// Frames are known by their time. Where times are of no use, or do not tell the order in which the
// decoder puts frames out, they are counted, from the first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "readers/video/video_container.h"
#include "readers/video/video_decoder.h"
#include "readers/video/video_index.h"

namespace larkspur::readers {

/// A frame with its number; the frame is valid until the walk goes on.
struct NumberedFrame {
  std::int64_t number = 0;
  const AVFrame* frame = nullptr;
};

/// Not thread-safe. Errors are thrown as pipeline::Error.
class FrameCursor {
 public:
  /// Opens the source; reads its index unless one of the same bytes is `known`.
  explicit FrameCursor(std::unique_ptr<ByteSource> source, const VideoIndex* known = nullptr);

  const VideoContainer& container() const noexcept { return container_; }
  VideoIndex& index() noexcept { return index_; }
  const VideoIndex& index() const noexcept { return index_; }

  /// True when frames are counted as they come; start() then takes packet 0 only.
  bool is_counting() const noexcept { return is_counting_; }

  /// False where start() begins with the first packet whatever it is asked for.
  bool can_seek() const noexcept { return container_.can_seek(index_); }

  /// Goes on at a packet of the index, with a new decoder: what was read before leaves no trace. Of
  /// the frames that are not `wanted` (rising numbers, must outlive the walk) those are left out
  /// that nothing depends on; an empty list leaves out none.
  void start(std::size_t packet, std::span<const std::int64_t> wanted);

  /// Goes on at the first packet and leaves out nothing.
  void restart();

  /// Takes no packet of the index behind this one: what the decoder would read on for, only to put
  /// out what it holds back. start() and restart() lift that.
  void end_after(std::size_t packet) noexcept { end_ = packet + 1; }

  /// Takes no more packets: next() gives what the decoder holds back, then nothing.
  void drain() noexcept { is_draining_ = true; }

  /// The next frame the index counts; nothing at the end.
  std::optional<NumberedFrame> next();

  /// Whether the codec is one whose frames nothing but their packets' bits decides.
  bool can_skip() const noexcept { return decoder_->can_skip(); }

  /// The packet that is read next.
  std::size_t packet() const noexcept { return packet_; }

  /// Packets the decoder refused since the walk was started.
  std::int64_t refused() const noexcept { return decoder_->refused(); }

 private:
  void begin(std::size_t packet, std::span<const std::int64_t> wanted);
  bool is_unwanted(const AVPacket& packet) const;

  VideoContainer container_;
  VideoIndex index_;
  bool is_counting_ = false;
  std::unique_ptr<VideoDecoder> decoder_;
  PacketHandle next_packet_;
  std::span<const std::int64_t> wanted_;
  std::size_t packet_ = 0;
  std::size_t end_ = SIZE_MAX;  // the first one that is not taken
  std::int64_t counted_ = 0;
  bool is_draining_ = false;
  bool has_ended_ = false;
};

}  // namespace larkspur::readers
