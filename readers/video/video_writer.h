// SPDX-License-Identifier: Apache-2.0
// Frames into an H.264 video in an MP4 file: demo data and tests. Not a general encoder.
//
// The same frames give the same bytes: one encoder thread, a constant quantiser, no time of day
// and no version of the muxer in the container. With a key frame every time (the default) the
// bytes of a frame do not depend on its place, so a reversed video decodes to exactly the
// reversed frames; with frames between keys it does not.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>

namespace larkspur::readers {

struct VideoFormat {
  std::int64_t width = 64;              ///< pixels, even, in [16, 4096]
  std::int64_t height = 64;             ///< pixels, even, in [16, 4096]
  std::int64_t frames = 32;             ///< frames, in [1, 1e6]
  std::int64_t frames_per_second = 16;  ///< in [1, 240]
  std::int64_t quantiser = 20;          ///< H.264's QP: 0 loses nothing, 51 is worst
  std::int64_t key_distance = 1;        ///< frames from one key frame to the next, >= 1

  /// Throws kInvalidArgument naming the field at fault and its value.
  void check() const;
};

/// Fills frame `number` of the video: uint8 [height][width][3], RGB, rows close together. Called
/// once a frame, in rising order from 0.
using DrawFrame = std::function<void(std::int64_t number, std::span<std::uint8_t> rgb)>;

/// False in a build without FFmpeg, and where FFmpeg has no H.264 encoder (libx264).
bool can_write_video();

/// Encodes format.frames frames into a new file, BT.601, 4:2:0. Memory: a few frames. Throws
/// kInvalidArgument for the format, kUnsupported where can_write_video() is false, kIo naming the
/// file, and what `draw` throws; a file that was not finished is removed.
void write_video(const std::filesystem::path& path,
                 const VideoFormat& format,
                 const DrawFrame& draw);

}  // namespace larkspur::readers
