// SPDX-License-Identifier: Apache-2.0
// A made-up data set with the face of Kinetics-400: H.264 videos in a folder a class, and lists.
//
//   OUTPUT/train/moving right/-Xh2kq09_aB_000017_000019.mp4 ...   OUTPUT/test/growing/...
//   OUTPUT/train.csv  OUTPUT/test.csv   label,youtube_id,time_start,time_end,split
//   OUTPUT/classes.txt                  one class a line, sorted: the numbers of the labels
//
// A name is an id of 11 characters (it may begin with a dash), start and end in seconds, as the
// data set's own downloads have. Labels with a space are quoted. What is to be seen:
// demo_motions.h. Every frame is a key frame with the same quantiser, so that encoding does
// not tell a video from one played backwards.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace larkspur::readers {

struct DemoVideoOptions {
  std::filesystem::path output;  ///< made if it is not there; must be empty
  std::int64_t classes = 8;      ///< the first ones of motion_classes(); whole pairs
  std::int64_t train = 60;       ///< training videos a class
  std::int64_t test = 20;        ///< held-out videos a class
  std::int64_t seed = 1;
  std::int64_t size = 64;       ///< pixels a side, even
  std::int64_t frames = 32;     ///< frames a video, 16 a second
  std::int64_t quantiser = 24;  ///< see video/video_writer.h

  /// Throws kInvalidArgument naming the option at fault and its value.
  void check() const;
};

/// RgbFrame `frame` of video `number` (from 1) of a class, before it is encoded: uint8
/// [size][size][3], RGB. A pure function of its arguments; label is a place in motion_classes().
void draw_demo_frame(const DemoVideoOptions& options,
                     std::int64_t label,
                     std::int64_t number,
                     std::int64_t frame,
                     std::span<std::uint8_t> rgb);

/// File name of a video without folder. A pure function of its arguments; every seventh id begins
/// with a dash, every seventh with an underscore.
std::string demo_video_name(const DemoVideoOptions& options,
                            std::int64_t label,
                            std::int64_t number);

/// Writes the set: training videos are numbered from 1, held-out ones after them. The same options
/// give the same bytes with the same encoder. Throws kInvalidArgument when the folder holds
/// anything, kUnsupported in a build that cannot write videos, kIo naming the path.
void make_demo_videos(const DemoVideoOptions& options);

}  // namespace larkspur::readers
