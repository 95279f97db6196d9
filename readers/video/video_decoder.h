// SPDX-License-Identifier: Apache-2.0
// Packets in, frames out: FFmpeg's decoder of one stream, on the caller's thread.
#pragma once

#include <cstdint>
#include <string>

#include "readers/video/ffmpeg_handles.h"

namespace larkspur::readers {

/// Not thread-safe. What cannot be decoded is left out and counted; decoding goes on behind it.
class VideoDecoder {
 public:
  /// `reorder_depth`: frames to hold back at least, for streams that do not tell. Throws
  /// kUnsupported where this build has no decoder.
  VideoDecoder(const AVStream& stream, int reorder_depth);

  /// Whether leaving out frames that no other refers to leaves the others as they are, bit for
  /// bit.
  bool can_skip() const noexcept { return can_skip_; }

  /// One packet; receive() has to run dry first. With `skips` its frame need not come out.
  void send(const AVPacket& packet, bool skips);
  void send_end();

  /// The next frame, in order of presentation, valid until the next call; nullptr when more
  /// packets are needed, or none are left.
  const AVFrame* receive();

  /// Packets refused.
  std::int64_t refused() const noexcept { return refused_; }

 private:
  CodecHandle context_;
  FrameHandle frame_;
  bool can_skip_ = false;
  std::int64_t refused_ = 0;
};

/// True where the decoder itself says that it had to make parts of the frame up.
bool is_patched(const AVFrame& frame);

}  // namespace larkspur::readers
