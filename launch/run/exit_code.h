// SPDX-License-Identifier: Apache-2.0
// What the shell learns of how a command ended: a pure map from the error and from how far the
// command had come.
//
//   0 done   2 usage or configuration   3 data   4 checkpoint   5 a device or peer   75 stopped on
//   request, checkpoint written (EX_TEMPFAIL: try again)   70 our own bug (EX_SOFTWARE)
#pragma once

#include <cstdint>

#include "pipeline/error.h"

namespace larkspur::launch {

/// How far a command has come: it decides what "not found" is about.
enum class Phase : std::uint8_t {
  kStart,       ///< reading arguments and configuration, looking for what they name
  kCheckpoint,  ///< finding, comparing and loading a checkpoint
  kRun          ///< working on data
};

inline constexpr int kExitDone = 0;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitData = 3;
inline constexpr int kExitCheckpoint = 4;
inline constexpr int kExitDevice = 5;
inline constexpr int kExitBug = 70;  ///< also of anything that is no pipeline::Error
inline constexpr int kExitStopped = 75;

/// The exit code of an error that ends a command.
///   kDevice, kCollective -> 5 and kCancelled -> 75 in every phase; else by phase:
///   kStart: what the arguments name cannot be used -> 2, what it holds cannot be read -> 3
///   kCheckpoint: 4
///   kRun: kInvalidArgument -> 2; kIo -> 4, as nothing but checkpoints and the run's own record is
///   written there (an unreadable sample is data); the rest -> 3
int exit_code(pipeline::Errc code, Phase phase) noexcept;

}  // namespace larkspur::launch
