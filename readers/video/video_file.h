// SPDX-License-Identifier: Apache-2.0
// One video: how many frames it shows, and any of them by number.
//
//   container -- packets --> index by pts --> seek before the wanted frame -- decode --> RGB,
//   turned as its display matrix says
//
// A frame's number is its place in order of presentation, edit lists applied; headers are not
// believed. Of several video streams the first one counts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "pipeline/plan/clip_plan.h"
#include "pipeline/result.h"
#include "readers/video/byte_source.h"
#include "readers/video/video_index.h"

namespace larkspur::readers {

/// A frame as people see it, of the video's size; a view that is valid during the call that hands
/// it over.
struct RgbFrame {
  const std::uint8_t* rgb = nullptr;  ///< [height][width][3], rows `row_bytes` apart
  std::int64_t row_bytes = 0;
  std::int64_t width = 0;   ///< after rotation
  std::int64_t height = 0;  ///< after rotation
};

/// An opened video. Not thread-safe; several may be open at once in several threads.
class VideoFile {
 public:
  /// Reads the index: all packet headers. Decodes frames only where headers do not tell: all of
  /// them, to count, where times lack or repeat (raw streams, AVI with B-frames), and those before
  /// the first keyframe. Errors name the file: kNotFound, kIo, kCorruptData (no container, no
  /// frame, an MP4 or MOV whose own table places frames behind the end of the file: a download
  /// that broke off), kUnsupported (no video stream, no decoder). Files without such a table show
  /// what is there: their numbers end where they end, and only check_video may tell that they were
  /// cut. A frame that is counted and does not come out is an error of read(). A folder of
  /// numbered pictures is a video of them (frame_folder.h).
  static pipeline::Result<std::unique_ptr<VideoFile>> open(
      const std::filesystem::path& path, std::shared_ptr<const VideoRecord> known = nullptr);

  /// The same of other sources. `known` is a record() of the same bytes: then opening reads no more
  /// than the container's headers and decodes nothing. A record of other bytes gives errors or
  /// wrong frames, never more.
  static pipeline::Result<std::unique_ptr<VideoFile>> open(
      std::unique_ptr<ByteSource> source, std::shared_ptr<const VideoRecord> known = nullptr);

  virtual ~VideoFile() = default;
  VideoFile(const VideoFile&) = delete;
  VideoFile& operator=(const VideoFile&) = delete;

  virtual std::int64_t frames() const = 0;  ///< frames, > 0
  virtual std::int64_t width() const = 0;   ///< of the first frame, after rotation
  virtual std::int64_t height() const = 0;
  virtual double frames_per_second() const = 0;  ///< average over the index; 0 where unknown

  /// What opening found out, for a cache to keep; nullptr of a folder.
  virtual std::shared_ptr<const VideoRecord> record() const = 0;

  /// Hands over the frames of the given numbers, each once, in rising order of number; `numbers`
  /// may come in any order and repeat; one that does not exist is kInvalidArgument. A frame that
  /// cannot be decoded is kCorruptData naming file and number; frames handed over before it stay
  /// valid work. Memory: a few frames.
  using Take = std::function<void(std::int64_t number, const RgbFrame& frame)>;
  virtual pipeline::Result<std::int64_t> read(std::span<const std::int64_t> numbers,
                                              const Take& take) = 0;

 protected:
  VideoFile() = default;
};

/// What a plan asks of a video.
inline pipeline::VideoShape shape_of(const VideoFile& video) {
  return {video.frames(), video.width(), video.height(), video.frames_per_second()};
}

/// Frames as one tensor, uint8 [n, height, width, 3], in the order of `numbers`.
pipeline::Result<at::Tensor> read_frames(VideoFile& video, std::span<const std::int64_t> numbers);

/// What beside a video's bytes decides its record: the versions of FFmpeg's libraries.
std::string video_readers();

/// What decoding a whole file finds.
struct VideoFacts {
  std::int64_t frames = 0;  ///< frames that were decoded
  std::int64_t width = 0;   ///< after rotation
  std::int64_t height = 0;
};

/// Decodes every frame. Errors as above; kCorruptData where some decode and some do not, with
/// both counts, and where the demuxer complains or hands out part of a
/// packet. Of a cut Matroska, FLV or transport stream it mostly does neither: such a file passes
/// with what it holds.
pipeline::Result<VideoFacts> check_video(const std::filesystem::path& path);

}  // namespace larkspur::readers
