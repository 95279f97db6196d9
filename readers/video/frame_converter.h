// SPDX-License-Identifier: Apache-2.0
// Decoded frames of any pixel format as RGB of one size, upright.
//
//   AVFrame -- swscale: colours as the stream says, size of the first frame --> RGB -- turn
#pragma once

#include <cstdint>
#include <memory>

#include "readers/video/display_rotation.h"
#include "readers/video/ffmpeg_handles.h"
#include "readers/video/video_file.h"

namespace larkspur::readers {

/// Not thread-safe. Holds one frame, two where they are turned.
class FrameConverter {
 public:
  /// Size of the coded frames, before turning; a frame of another size is scaled to it.
  FrameConverter(std::int64_t width, std::int64_t height, Orientation orientation);

  std::int64_t width() const noexcept { return orientation_.is_swapped ? height_ : width_; }
  std::int64_t height() const noexcept { return orientation_.is_swapped ? width_ : height_; }

  /// Bicubic; a matrix the stream does not name is BT.601's, a range it does not name is that of
  /// the pixel format. Valid until the next call. Throws kUnsupported for formats without colours.
  RgbFrame convert(const AVFrame& frame);

 private:
  void prepare(const AVFrame& frame);

  // What the scaler was made for.
  struct Source {
    int width = 0;
    int height = 0;
    int format = -1;
    int matrix = -1;
    int range = -1;

    bool operator==(const Source&) const = default;
  };

  std::int64_t width_;
  std::int64_t height_;
  Orientation orientation_;
  ScalerHandle scaler_;
  Source source_;
  std::unique_ptr<std::uint8_t[]> coded_;
  std::unique_ptr<std::uint8_t[]> shown_;
};

}  // namespace larkspur::readers
