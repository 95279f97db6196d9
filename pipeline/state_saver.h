// SPDX-License-Identifier: Apache-2.0
// Saving beside the steps, as the training loop knows it: it begins a save, lets the ranks tell one
// another how far they are with what they exchange in any case, and waits only where it must.
//
//   loop:   begin() -- step -- tell() -> all ranks -> hear() -- step -- tell() -> hear() ...
//   saver:  copy    |  writes in a thread of its own            |  commits           | not busy
#pragma once

#include <string>
#include <vector>

#include "pipeline/communicator.h"

namespace larkspur::pipeline {

/// Called by the loop's thread alone. Every rank makes the same calls of begin() and hear() in the
/// same order, and hears the same, so is_busy() is the same on all of them.
class StateSaver {
 public:
  virtual ~StateSaver() = default;
  StateSaver(const StateSaver&) = delete;
  StateSaver& operator=(const StateSaver&) = delete;

  /// Copies the state as it is; what writes the copy is not waited for. Only while not busy.
  virtual void begin() = 0;

  /// A save has begun and is not yet known to be safe.
  virtual bool is_busy() const = 0;

  /// News of this rank for hear(), mostly empty. Never waits.
  virtual std::string tell() = 0;

  /// What tell() gave on every rank at one exchange, by rank. Every rank throws the first failure
  /// in rank order: what the writer threw, with the rank named unless it is rank 0.
  virtual void hear(const std::vector<std::string>& told) = 0;

  /// Waits a moment for this rank's own part, at most a twentieth of a second.
  virtual void pause() = 0;

 protected:
  StateSaver() = default;
};

/// Until the save under way, if any, is over: asks all ranks again and again, so that no message
/// waits for a slow disk. Throws what hear() throws. A collective call.
void finish_save(StateSaver& saver, Communicator& communicator);

}  // namespace larkspur::pipeline
