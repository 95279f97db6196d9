// SPDX-License-Identifier: Apache-2.0
// Signals as wishes to the training loop.
//
//   USR1  write a checkpoint and go on          USR2  write a checkpoint, then leave with code 75
//   TERM  in a rank of several: leave at once, nothing is saved (the system's default)
//   INT, HUP, TERM of a single process count as USR2
//
// A single process says on stderr that it stops. Those ignored before stay ignored, as nohup wants.
#pragma once

#include "pipeline/train/trainer.h"

namespace larkspur::launch {

/// Installs the handlers for the life of the object and puts the former ones back. One at a time in
/// a process. `requests` must outlive it.
class SignalRequests {
 public:
  SignalRequests(pipeline::Requests& requests, int ranks);
  ~SignalRequests();
  SignalRequests(const SignalRequests&) = delete;
  SignalRequests& operator=(const SignalRequests&) = delete;
};

}  // namespace larkspur::launch
