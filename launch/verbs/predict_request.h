// SPDX-License-Identifier: Apache-2.0
// What the command line of `predict` asks for, and the classes that answer it.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "launch/verbs/verb.h"
#include "pipeline/eval/score_table.h"

namespace larkspur::launch {

/// A part of a stream as people give it: "64" frames, or "2.5s".
struct StreamSpan {
  double value = 0.0;
  bool is_seconds = false;
};

/// Throws kInvalidArgument naming the option for what is no such number, or not > 0.
StreamSpan parse_span(const std::string& option, const std::string& text);

/// In frames, at least 1. `rate` is the stream's, 0 where it states none: seconds are then
/// kInvalidArgument.
std::int64_t frames_of(const StreamSpan& span, double rate);

struct PredictRequest {
  std::string checkpoint;
  bool averaged = false;  ///< its averaged weights
  std::vector<std::string> files;
  std::string stream;  ///< address; empty: files
  std::string window;  ///< length of a window; empty: what one clip spans
  std::string hop;     ///< from window to window; empty: the window's length
  bool json = false;
};

/// Reads the arguments of the call. False when help was asked for and printed. Throws
/// kInvalidArgument for what cannot go together.
bool read_predict_request(Invocation& call, PredictRequest& request);

/// [{label, index, probability}, ...], likeliest first.
nlohmann::ordered_json likeliest_classes(const pipeline::Prediction& prediction,
                                         const std::vector<std::string>& classes);

}  // namespace larkspur::launch
