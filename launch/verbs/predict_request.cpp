// SPDX-License-Identifier: Apache-2.0
#include "launch/verbs/predict_request.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <nlohmann/json.hpp>

#include "launch/verbs/averaged_flag.h"
#include "launch/verbs/command_line.h"
#include "pipeline/require.h"

namespace larkspur::launch {

using nlohmann::ordered_json;
using pipeline::Errc;
using pipeline::require;

StreamSpan parse_span(const std::string& option, const std::string& text) {
  StreamSpan span;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, span.value);
  span.is_seconds = std::string_view(rest, static_cast<std::size_t>(end - rest)) == "s";
  const bool is_whole = rest == end && span.value == std::floor(span.value);
  require(
      error == std::errc() && (is_whole || span.is_seconds) && span.value > 0 && span.value < 1e6,
      Errc::kInvalidArgument,
      option,
      " takes frames, as in 64, or seconds, as in 2.5s, not '",
      text,
      "'");
  return span;
}

std::int64_t frames_of(const StreamSpan& span, double rate) {
  if (!span.is_seconds) return static_cast<std::int64_t>(span.value);
  require(rate > 0,
          Errc::kInvalidArgument,
          "the stream does not state its frames a second: give --window and --hop in frames");
  return std::max<std::int64_t>(1, std::llround(span.value * rate));
}

bool read_predict_request(Invocation& call, PredictRequest& request) {
  CommandLine line(
      call,
      "Prints the five likeliest labels of files, by what a checkpoint was trained on; of a "
      "stream, "
      "those of windows that slide over it, each as soon as its frames are there.\n"
      "- (or --stream -) is standard input, read from front to end: an MP4 must be fragmented, "
      "Matroska and transport streams are as they are. A window is looked at as a file of its "
      "length "
      "would be; the last one is filled up with its last frame. Exit code 3 if a file cannot be "
      "read, or a stream cannot be read on.\n"
      "A folder of numbered pictures is one video in lists and to 'eval --explain'; given here, it "
      "stands for single pictures.",
      "--checkpoint runs/demo_cloud/checkpoints data/demo_clouds/box/test/box_0051.off");
  line.required_option(
      "--checkpoint",
      "run folder, its checkpoints folder (the newest whole one), or one checkpoint",
      request.checkpoint);
  averaged_flag(line, request.averaged);
  line.rest("FILE",
            "clouds, or whatever the checkpoint was trained on; folders of them; or - alone",
            request.files);
  line.option("--stream",
              "instead of FILE: a camera or address, as in v4l2:/dev/video0, rtsp://host/path, "
              "whatever FFmpeg opens",
              request.stream);
  line.option("--window",
              "of a stream: frames, as in 64, or seconds, as in 2.5s; default: what a clip of the "
              "model spans; needed with data.sampling=segments",
              request.window);
  line.option(
      "--hop",
      "of a stream: from one window's start to the next one's, likewise; default: the window",
      request.hop);
  line.flag(
      "--json", "one JSON object; of a stream, one for each window, a line each", request.json);
  if (!line.parse()) return false;
  if (request.files == std::vector<std::string>{"-"} && request.stream.empty()) {
    request.stream = "-";
    request.files.clear();
  }
  require(request.files.empty() != request.stream.empty(),
          Errc::kInvalidArgument,
          "give FILEs, or one stream; see 'larkspur predict --help'");
  require(std::find(request.files.begin(), request.files.end(), "-") == request.files.end(),
          Errc::kInvalidArgument,
          "- is standard input, and goes with no other FILE");
  require(!request.stream.empty() || (request.window.empty() && request.hop.empty()),
          Errc::kInvalidArgument,
          "--window and --hop go with a stream: a file is looked at by the run's protocol");
  if (!request.window.empty()) parse_span("--window", request.window);
  if (!request.hop.empty()) parse_span("--hop", request.hop);
  return true;
}

ordered_json likeliest_classes(const pipeline::Prediction& prediction,
                               const std::vector<std::string>& classes) {
  ordered_json likeliest = ordered_json::array();
  for (std::size_t place = 0; place < prediction.classes.size(); ++place) {
    const auto index = static_cast<std::size_t>(prediction.classes[place]);
    likeliest.push_back({{"label", classes.at(index)},
                         {"index", index},
                         {"probability", prediction.probabilities[place]}});
  }
  return likeliest;
}

}  // namespace larkspur::launch
