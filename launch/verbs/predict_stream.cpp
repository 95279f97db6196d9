// SPDX-License-Identifier: Apache-2.0
#include "launch/verbs/predict_stream.h"

#include <iomanip>
#include <ostream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "launch/run/assemble.h"
#include "pipeline/eval/evaluator.h"
#include "pipeline/require.h"
#include "readers/video/stream_windows.h"
#include "readers/video/video_stream.h"

namespace larkspur::launch {
namespace {

using nlohmann::ordered_json;
using pipeline::Errc;
using pipeline::require;

/// One window as a list of one sample, so that it takes the way of a file through the evaluator.
class WindowSource final : public pipeline::SampleSource {
 public:
  explicit WindowSource(const readers::StreamWindow& window) : window_(window) {}
  std::int64_t size() const override { return 1; }
  std::string name(std::int64_t /*id*/) const override {
    return "window " + std::to_string(window_.index);
  }
  std::int64_t label(std::int64_t /*id*/) const override { return pipeline::kNoLabel; }

 private:
  pipeline::Result<std::vector<pipeline::Sample>> read_file(
      std::span<const pipeline::SampleKey> /*keys*/) const override {
    return window_.views;
  }

  const readers::StreamWindow& window_;
};

/// What one clip spans, in frames of a stream of that rate.
std::int64_t usual_window(const pipeline::ClipSampling& sampling, double rate) {
  using By = pipeline::FrameSampling;
  pipeline::require(sampling.by != By::kSegments,
                    pipeline::Errc::kInvalidArgument,
                    "--window is missing: with data.sampling=segments a clip is a whole video, so "
                    "say how long a piece of the stream is to be one, as in --window 3s");
  return sampling.by == By::kStride ? readers::clip_span(sampling)
                                    : frames_of({sampling.seconds, true}, rate);
}

readers::WindowOptions window_options(const PredictRequest& request,
                                      const RunConfig& config,
                                      double rate) {
  const readers::ClipSourceOptions clips = eval_clip_options(config);
  readers::WindowOptions options;
  options.sampling = clips.sampling;
  options.views = clips.eval_views;
  options.product = clips.product;
  options.pixels = clips.pixels;
  options.seed = static_cast<std::uint64_t>(config.seed);
  options.frames_per_second = rate;
  options.length = request.window.empty() ? usual_window(options.sampling, rate)
                                          : frames_of(parse_span("--window", request.window), rate);
  options.hop =
      request.hop.empty() ? options.length : frames_of(parse_span("--hop", request.hop), rate);
  return options;
}

/// "1:02.40".
std::string moment_text(double seconds) {
  std::ostringstream text;
  const auto minutes = static_cast<std::int64_t>(seconds / 60.0);
  text << minutes << ":" << std::fixed << std::setprecision(2) << std::setfill('0') << std::setw(5)
       << seconds - 60.0 * static_cast<double>(minutes);
  return text.str();
}

ordered_json moment_json(const std::optional<double>& seconds) {
  return seconds ? ordered_json(*seconds) : ordered_json();
}

class WindowLines {
 public:
  WindowLines(std::ostream& out, const PredictRequest& request, const StreamPredictor& predictor)
      : out_(out), request_(request), of_(predictor), options_(eval_options(predictor.config)) {}

  void print(const readers::StreamWindow& window) {
    const auto evaluation =
        pipeline::evaluate(options_, of_.network, WindowSource(window), of_.communicator);
    const bool ok = evaluation.bad.empty();
    ordered_json line = {{"window", window.index},
                         {"first_frame", window.first_frame},
                         {"frames", window.frames},
                         {"first_seconds", moment_json(window.first_seconds)},
                         {"last_seconds", moment_json(window.last_seconds)},
                         {"ok", ok}};
    if (ok) {
      line["predictions"] = likeliest_classes(evaluation.predictions.front(), of_.classes);
    } else {
      line["error"] = evaluation.bad.front().message;
    }
    if (request_.json) {
      out_ << line.dump(-1, ' ', false, ordered_json::error_handler_t::replace) << std::endl;
    } else {
      print_text(window, line);
    }
  }

 private:
  void print_text(const readers::StreamWindow& window, const ordered_json& line) {
    if (window.first_seconds && window.last_seconds) {
      out_ << moment_text(*window.first_seconds) << "-" << moment_text(*window.last_seconds)
           << "  ";
    }
    out_ << "frames " << window.first_frame << "-" << window.first_frame + window.frames - 1;
    if (!line["ok"]) {
      out_ << "  " << line["error"].get<std::string>() << std::endl;
      return;
    }
    for (const ordered_json& one : line["predictions"]) {
      out_ << std::fixed << std::setprecision(1) << std::setw(7)
           << 100.0 * one["probability"].get<double>() << " % " << one["label"].get<std::string>();
    }
    out_ << std::endl;
  }

  std::ostream& out_;
  const PredictRequest& request_;
  const StreamPredictor& of_;
  pipeline::EvalOptions options_;
};

}  // namespace

void predict_stream(Invocation& call,
                    const PredictRequest& request,
                    const StreamPredictor& predictor) {
  call.phase = Phase::kStart;
  const RunConfig& config = predictor.config;
  require(config.data.kind != DataKind::kCloud,
          Errc::kInvalidArgument,
          "the checkpoint was trained on clouds: it has no use for a stream of pictures");
  require(predictor.communicator.size() == 1,
          Errc::kInvalidArgument,
          "a stream is read by one process: start predict without mpirun");
  const auto stream = readers::VideoStream::open(request.stream);
  readers::StreamWindows windows(window_options(request, config, stream->frames_per_second()));
  WindowLines lines(call.out, request, predictor);
  call.phase = Phase::kRun;
  while (const auto frame = stream->next()) {
    if (const auto window = windows.add(*frame)) lines.print(*window);
    if (!call.out) return;  // nobody reads on
  }
  if (const auto window = windows.finish()) lines.print(*window);
  stream->require_whole();
}

}  // namespace larkspur::launch
