// SPDX-License-Identifier: Apache-2.0
// `data frames`: frames of a video as an array, for looking at what the network would be shown.
#include <algorithm>
#include <charconv>
#include <ostream>
#include <string_view>

#include "launch/verbs/command_line.h"
#include "launch/verbs/commands.h"
#include "pipeline/require.h"
#include "readers/format/npy_file.h"
#include "readers/video/video_file.h"

namespace larkspur::launch {
namespace {

using pipeline::Errc;
using pipeline::require;

constexpr std::size_t kMostBytes = std::size_t{4} << 30;

// "0,15,29"
std::vector<std::int64_t> parse_numbers(std::string_view text) {
  std::vector<std::int64_t> numbers;
  while (!text.empty() || numbers.empty()) {
    const std::string_view word = text.substr(0, text.find(','));
    std::int64_t number = -1;
    const char* const end = word.data() + word.size();
    const auto [stopped, error] = std::from_chars(word.data(), end, number);
    const bool is_last = word.size() == text.size();
    require(
        error == std::errc{} && stopped == end && number >= 0 && word.size() + 1 != text.size(),
        Errc::kInvalidArgument,
        "argument '--frames': expected numbers from 0 with commas between, as in 0,15,29; found '",
        word,
        "'");
    numbers.push_back(number);
    text.remove_prefix(is_last ? word.size() : word.size() + 1);
  }
  return numbers;
}

void require_within(const std::vector<std::int64_t>& numbers, const readers::VideoFile& video) {
  const std::int64_t largest = *std::max_element(numbers.begin(), numbers.end());
  require(largest < video.frames(),
          Errc::kInvalidArgument,
          "argument '--frames': no frame ",
          largest,
          ", the video has ",
          video.frames(),
          " (0 to ",
          video.frames() - 1,
          ")");
  const auto bytes = static_cast<std::size_t>(3 * video.width() * video.height());
  require(numbers.size() <= kMostBytes / bytes,
          Errc::kInvalidArgument,
          "argument '--frames': ",
          numbers.size(),
          " frames of ",
          bytes,
          " bytes are more than the ",
          kMostBytes,
          " bytes one array may have");
}

}  // namespace

void run_data_frames(Invocation& call) {
  std::string file;
  std::string frames;
  std::string output;
  CommandLine line(call,
                   "Writes frames of a video, upright, as uint8 [n, height, width, 3].",
                   "clip.mp4 --frames 0,15,29 --output frames.npy");
  line.argument("FILE", "a video", file);
  line.required_option("--frames", "numbers from 0, in order of presentation", frames);
  line.required_option("--output", "NPY file to write", output);
  if (!line.parse()) return;
  const std::vector<std::int64_t> numbers = parse_numbers(frames);
  const auto video = readers::VideoFile::open(file).value();
  require_within(numbers, *video);
  call.phase = Phase::kRun;
  const at::Tensor rgb_NHW3 = readers::read_frames(*video, numbers).value();
  call.phase = Phase::kStart;  // an output that cannot be written is a path to be corrected
  readers::write_npy(output, rgb_NHW3);
  call.out << output << ": " << rgb_NHW3.size(0) << " of " << video->frames() << " frames, "
           << rgb_NHW3.size(2) << "x" << rgb_NHW3.size(1) << "\n";
}

}  // namespace larkspur::launch
