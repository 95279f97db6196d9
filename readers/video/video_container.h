// SPDX-License-Identifier: Apache-2.0
// The packets of a source's first video stream, in the order they are stored, with seeking that
// says where it arrived.
//
// Errors are thrown as pipeline::Error; the caller turns them into values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "readers/video/byte_source.h"
#include "readers/video/ffmpeg_handles.h"
#include "readers/video/video_index.h"

namespace larkspur::readers {

/// An opened video. Not thread-safe.
class VideoContainer {
 public:
  /// Opens and probes. kCorruptData (no container in it, or a playlist), kUnsupported (no video
  /// stream), kIo.
  explicit VideoContainer(std::unique_ptr<ByteSource> source);

  /// What the source is called, for messages.
  const std::string& name() const noexcept { return source_->name(); }
  const AVStream& stream() const noexcept { return *stream_; }

  /// Seconds of one unit of time.
  double unit() const noexcept { return av_q2d(stream_->time_base); }

  /// The next packet of the stream that has bytes; false at the end, which is also where a damaged
  /// container stops making sense (is_damaged() tells). kIo where the system refuses to read.
  bool next(AVPacket& packet);

  /// Whether what was read so far stopped before the end of the container, or held a packet that is
  /// not all there.
  bool is_damaged() const noexcept { return is_damaged_; }

  /// Reads all packets once, also what their bits say. kUnsupported above kMostPackets of them;
  /// kCorruptData where the file is cut off: an MP4 or MOV whose own table places frames behind the
  /// end of the file.
  VideoIndex read_index();

  /// Whether seek() may arrive anywhere but at the first packet; false for good once it did not.
  bool can_seek(const VideoIndex& index) const noexcept;

  /// Makes next() go on at packet `wanted` of the index and returns it; where the container cannot
  /// be trusted to seek, at the first packet, which is 0.
  std::size_t seek(const VideoIndex& index, std::size_t wanted);

  /// Makes next() start again with the first packet. kUnsupported where the source cannot go back.
  void rewind();

 private:
  void open();
  bool is_end(int code) const;
  bool read(AVPacket& packet);
  void require_whole_table() const;
  bool try_seek(const VideoIndex& index, std::size_t wanted, std::int64_t time);

  std::unique_ptr<ByteSource> source_;
  IoHandle io_;  // reads source_
  FormatHandle format_;
  AVStream* stream_ = nullptr;  // in format_
  PacketHandle first_;          // read to see where a seek arrived, not handed out yet
  bool has_first_ = false;
  bool is_damaged_ = false;
  bool has_failed_to_seek_ = false;
};

/// 38 hours at 30 frames a second.
inline constexpr std::size_t kMostPackets = std::size_t{1} << 22;

/// What the container says of a packet.
PacketFacts facts_of(const AVPacket& packet, AVCodecID codec);

}  // namespace larkspur::readers
