// SPDX-License-Identifier: Apache-2.0
// A video that comes only once and need not end: standard input, a camera, an address.
//
//   address -- FFmpeg's protocols and devices --> packets -- decoder --> frames, upright, as they
//   come
//
// Nothing is counted ahead and nothing can be gone back to; what a file tells by its index is known
// here only once it has passed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "readers/video/video_file.h"

namespace larkspur::readers {

/// One frame; its picture is valid until the next one comes, and stays so behind the last.
struct StreamFrame {
  std::int64_t number = 0;        ///< from 0
  std::optional<double> seconds;  ///< since the first frame; none where the stream does not tell
  RgbFrame picture;
};

/// An opened stream. Not thread-safe. Memory: FFmpeg's own buffers and a few frames.
class VideoStream {
 public:
  /// "-": standard input, read from front to end. "v4l2:/dev/video0", "lavfi:testsrc2": a format or
  /// device of FFmpeg, and what it opens; devices need libavdevice, which is loaded when it is
  /// asked for. Anything else as FFmpeg takes it: "rtsp://host/path", "udp://:1234", a path. What
  /// comes by standard input may open nothing else; an address may be a playlist. Waits for the
  /// first packets. Throws, naming the address: kNotFound, kIo, kCorruptData (no container),
  /// kUnsupported (no video stream, no decoder, no such device).
  static std::unique_ptr<VideoStream> open(const std::string& address);

  virtual ~VideoStream() = default;
  VideoStream(const VideoStream&) = delete;
  VideoStream& operator=(const VideoStream&) = delete;

  virtual const std::string& name() const = 0;   ///< for messages: "standard input"
  virtual double frames_per_second() const = 0;  ///< as the stream states it; 0: it does not

  /// Waits for the next frame in order of presentation; none at the end, whatever brought it about.
  /// Throws kUnsupported, naming the stream, for frames that cannot be converted.
  virtual std::optional<StreamFrame> next() = 0;

  /// Behind the last frame: throws kCorruptData, naming the stream and how many frames came, where
  /// reading failed, where no frame could be decoded, or where packets were broken or frames
  /// patched behind the first one. A stream that is cut between two packets just ends.
  virtual void require_whole() const = 0;

 protected:
  VideoStream() = default;
};

}  // namespace larkspur::readers
