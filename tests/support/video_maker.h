// SPDX-License-Identifier: Apache-2.0
// Small videos that a test encodes for itself; every frame shows its own number.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "readers/video/ffmpeg_handles.h"
#include "readers/video/video_file.h"

namespace larkspur::testing {

/// What to encode. The container follows from the file's extension.
struct VideoPlan {
  std::string codec = "libx264";
  std::string options = {};    ///< of the encoder: "x264-params=open-gop=1"
  std::string container = {};  ///< options of the muxer: "movflags=+faststart"
  int frames = 24;
  int width = 80;
  int height = 48;
  std::string format = "yuv420p";  ///< of the pixels, planar with 8 bits
  bool is_textured = false;        ///< every pixel another colour instead of the frame's number
  int keyframe_every = 8;
  int b_frames = 2;
  std::vector<std::int64_t> times = {};   ///< of each frame in 1/1000 s; none: 40 apart
  std::vector<std::int32_t> matrix = {};  ///< display matrix, nine numbers; none: not written
  bool is_moving = false;                 ///< colours that move behind the frame's number
  bool has_order = true;      ///< false: a packet's pts is its dts, as where AVI was copied to MP4
  bool has_key_table = true;  ///< false: an MP4 or MOV without stss, so that every frame is marked
  int first_keyframe = 0;     ///< packets before the keyframe of this number are left out
};

/// The frame a textured video shows: all planes written, no two neighbours alike. Throws
/// pipeline::Error for a format that FFmpeg does not know.
readers::FrameHandle draw_texture(const VideoPlan& plan, int number);

/// A frame is a grid of 5 x 2 cells: cell i is white where bit i of its number is set, else
/// black. Throws pipeline::Error where FFmpeg refuses, kUnsupported where it has no such encoder.
void make_video(const std::filesystem::path& path, const VideoPlan& plan);

/// The number such a frame shows; -1 where a cell is neither black nor white.
std::int64_t shown_number(const readers::RgbFrame& frame);

}  // namespace larkspur::testing
