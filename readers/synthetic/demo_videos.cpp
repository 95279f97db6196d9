// SPDX-License-Identifier: Apache-2.0
#include "readers/synthetic/demo_videos.h"

#include <algorithm>
#include <fstream>
#include <iomanip>
#include <sstream>
#include <string_view>
#include <system_error>

#include "pipeline/require.h"
#include "readers/synthetic/demo_motions.h"
#include "readers/video/video_writer.h"

namespace larkspur::readers {
namespace {

using pipeline::CounterRng;
using pipeline::Errc;
using pipeline::require;
using pipeline::require_within;

constexpr std::int64_t kFramesPerSecond = 16;
constexpr std::string_view kIdLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What the file's name says of a video.
struct Segment {
  std::string id;
  std::int64_t start = 0, end = 0;  ///< seconds

  std::string file_name() const {
    std::ostringstream name;
    name << id << std::setfill('0') << "_" << std::setw(6) << start << "_" << std::setw(6) << end
         << ".mp4";
    return name.str();
  }
};

pipeline::SampleKey key_of(const DemoVideoOptions& options,
                           std::int64_t label,
                           std::int64_t number) {
  return {static_cast<std::uint64_t>(options.seed),
          0,
          static_cast<std::uint32_t>(number),
          static_cast<std::uint16_t>(label)};
}

Segment segment_of(const DemoVideoOptions& options, std::int64_t label, std::int64_t number) {
  CounterRng rng(key_of(options, label, number), pipeline::Purpose::kSynthetic, 255);
  Segment segment;
  for (int letter = 0; letter < 11; ++letter) segment.id += kIdLetters[rng.below(64)];
  if (number % 7 == 3) segment.id[0] = '-';
  if (number % 7 == 5) segment.id[0] = '_';
  segment.start = rng.below(300);
  segment.end = segment.start + (options.frames + kFramesPerSecond - 1) / kFramesPerSecond;
  return segment;
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  require(!failed, Errc::kIo, "cannot make the folder ", folder.string(), ": ", failed.message());
}

void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text << std::flush;
  require(file.good(), Errc::kIo, "cannot write ", path.string());
}

std::string in_quotes_if_spaced(std::string_view label) {
  const bool spaced = label.find(' ') != std::string_view::npos;
  return spaced ? "\"" + std::string(label) + "\"" : std::string(label);
}

void write_one(const DemoVideoOptions& options,
               std::int64_t label,
               std::int64_t number,
               const std::filesystem::path& path) {
  VideoFormat format;
  format.width = format.height = options.size;
  format.frames = options.frames;
  format.frames_per_second = kFramesPerSecond;
  format.quantiser = options.quantiser;
  write_video(path, format, [&](std::int64_t frame, std::span<std::uint8_t> rgb) {
    draw_demo_frame(options, label, number, frame, rgb);
  });
}

/// The videos `first` to `last` of every class, then their list.
void write_split(const DemoVideoOptions& options,
                 const std::string& split,
                 std::int64_t first,
                 std::int64_t last) {
  std::ostringstream list;
  list << "label,youtube_id,time_start,time_end,split\n";
  for (std::int64_t label = 0; label < options.classes; ++label) {
    const std::string_view name = motion_classes()[static_cast<std::size_t>(label)].name;
    const std::filesystem::path folder = options.output / split / name;
    make_folder(folder);
    for (std::int64_t number = first; number <= last; ++number) {
      const Segment segment = segment_of(options, label, number);
      write_one(options, label, number, folder / segment.file_name());
      list << in_quotes_if_spaced(name) << "," << segment.id << "," << segment.start << ","
           << segment.end << "," << split << "\n";
    }
  }
  write_text(options.output / (split + ".csv"), list.str());
}

std::string class_list(std::int64_t classes) {
  std::vector<std::string_view> names;
  for (const MotionClass& one : motion_classes().first(static_cast<std::size_t>(classes))) {
    names.push_back(one.name);
  }
  std::sort(names.begin(), names.end());
  std::string text;
  for (const std::string_view name : names) text += std::string(name) + "\n";
  return text;
}

}  // namespace

void DemoVideoOptions::check() const {
  require(!output.empty(), Errc::kInvalidArgument, "output is empty, expected a folder");
  require_within("classes", classes, 2, static_cast<std::int64_t>(motion_classes().size()));
  require(classes % 2 == 0,
          Errc::kInvalidArgument,
          "classes is ",
          classes,
          ", expected an even number: they come in pairs");
  require_within("train", train, 1, 9999);
  require_within("test", test, 1, 9999);
  require_within("seed", seed, 0, INT64_MAX);
  require_within("size", size, 32, 1024);
  require(size % 2 == 0, Errc::kInvalidArgument, "size is ", size, ", expected an even number");
  require_within("frames", frames, 2, 10'000);
  require_within("quantiser", quantiser, 0, 51);
}

void draw_demo_frame(const DemoVideoOptions& options,
                     std::int64_t label,
                     std::int64_t number,
                     std::int64_t frame,
                     std::span<std::uint8_t> rgb) {
  const MotionClass& shown = motion_classes()[static_cast<std::size_t>(label)];
  const MotionScene scene(
      shown.motion, options.size, options.frames, key_of(options, label, number));
  scene.draw(shown.backwards ? options.frames - 1 - frame : frame, rgb);
}

std::string demo_video_name(const DemoVideoOptions& options,
                            std::int64_t label,
                            std::int64_t number) {
  return segment_of(options, label, number).file_name();
}

void make_demo_videos(const DemoVideoOptions& options) {
  options.check();
  require(can_write_video(),
          Errc::kUnsupported,
          "this build has no FFmpeg with an H.264 encoder (libx264) to make videos with: run "
          "launch/setup");
  make_folder(options.output);
  require(std::filesystem::is_empty(options.output),
          Errc::kInvalidArgument,
          options.output.string(),
          " is not empty: name a new folder, or remove it first");
  write_split(options, "train", 1, options.train);
  write_split(options, "test", options.train + 1, options.train + options.test);
  write_text(options.output / "classes.txt", class_list(options.classes));
}

}  // namespace larkspur::readers
