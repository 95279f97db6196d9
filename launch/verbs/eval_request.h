// SPDX-License-Identifier: Apache-2.0
// What the command line of `eval` asks for, and the configuration that follows from it: a file's,
// or where none is named the one that the checkpoint was trained with.
#pragma once

#include <string>
#include <vector>

#include "launch/config/run_config.h"
#include "launch/verbs/verb.h"
#include "pipeline/checkpoint/checkpoint.h"

namespace larkspur::launch {

struct EvalRequest {
  std::string file;                    ///< configuration; empty: that of the checkpoint
  std::vector<std::string> overrides;  ///< key=value
  std::string checkpoint;              ///< empty: output of the configuration
  bool averaged = false;               ///< its averaged weights
  std::string weights;                 ///< file of weights instead of a checkpoint
  std::string report;                  ///< folder to write; empty: beside the checkpoints
  std::string scores;                  ///< file for the scores of every view; empty: not kept
  std::string explain;                 ///< file whose views are listed instead; empty: evaluate
  bool json = false;                   ///< of that list

  bool has_config() const { return !file.empty(); }
};

/// Reads the arguments of the call. False when help was asked for and printed. Throws
/// kInvalidArgument for what cannot go together.
bool read_eval_request(Invocation& call, EvalRequest& request);

/// The configuration of the request's file with its overrides.
LoadedConfig config_of_file(const EvalRequest& request);

/// The checkpoint's own configuration with the request's overrides; runs on whatever device there
/// is unless they say otherwise.
LoadedConfig config_of_run(const EvalRequest& request, const pipeline::Checkpoint& checkpoint);

}  // namespace larkspur::launch
