// SPDX-License-Identifier: Apache-2.0
// The closed set of things that can go wrong, and the one exception type that carries them.
//
// A broken promise inside the program throws Error. A fact about the world that the loop expects
// (a file that will not decode) travels as a value: see result.h.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace larkspur::pipeline {

/// What went wrong, named by the caller's next move.
enum class Errc : std::uint8_t {
  kInvalidArgument,  ///< can never succeed: fix the caller or the configuration, stop the run
  kNotFound,         ///< path or key absent: stop at start-up, skip inside an epoch
  kCorruptData,      ///< bytes contradict their format: count it, skip the sample
  kUnsupported,      ///< valid, but not by this build: count it, skip the sample
  kIo,               ///< the system refused: retry, then as kNotFound
  kDevice,           ///< the accelerator failed, its state is unknown: stop this rank
  kCollective,       ///< a peer failed or was too late: stop, restart from the last checkpoint
  kCancelled,        ///< asked to stop: a checkpoint was written, leave
};

/// The enumerator's name in words, for reports: "not found", "corrupt data", ...
std::string_view name_of(Errc code) noexcept;

/// A code and one sentence that names the file, line or key at fault. Copyable, thread-safe to
/// read.
class Error : public std::runtime_error {
 public:
  Error(Errc code, const std::string& message) : std::runtime_error(message), code_(code) {}

  Errc code() const noexcept { return code_; }

  /// The same error with "CONTEXT: " put before its text, for the way up.
  Error within(std::string_view context) const;

 private:
  Errc code_;
};

}  // namespace larkspur::pipeline
