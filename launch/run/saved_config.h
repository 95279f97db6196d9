// SPDX-License-Identifier: Apache-2.0
// The configuration that a checkpoint keeps, and what it means beside today's.
//
// Another program may have written it. A key that this one does not know is
//                         outside `model`                      under `model`
//   used, not trained     a warning: it decides no network     refused: it may be another network
//   resumed               refused, but for `eval`: it may decide bits of the steps to come
#pragma once

#include <string>

#include "launch/config/run_config.h"
#include "pipeline/checkpoint/checkpoint.h"

namespace larkspur::launch {

/// The configuration of a checkpoint whose network is to be used: evaluated, exported, looked at,
/// started from. Messages name its manifest. Throws kInvalidArgument naming every unknown key under
/// `model`; other unknown keys are one warning.
RunConfig config_of(const pipeline::Checkpoint& checkpoint);

/// The same with the lines of the manifest that its values come from.
LoadedConfig loaded_config_of(const pipeline::Checkpoint& checkpoint);

/// For a run that goes on with `now`. Throws kInvalidArgument naming every key that must match and
/// does not, with both values, and every unknown key that may decide bits. Says in the log which
/// others differ, with both values; a warning where bits may differ or a value is not read any
/// more.
void compare_for_resume(const LoadedConfig& saved, const RunConfig& now, const std::string& where);

/// For an evaluation with `now`. Throws kInvalidArgument naming every key of the architecture that
/// differs, with both values; warns of those that decide how a sample looks.
void compare_for_evaluation(const RunConfig& saved, const RunConfig& now, const std::string& where);

}  // namespace larkspur::launch
