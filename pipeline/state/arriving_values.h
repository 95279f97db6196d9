// SPDX-License-Identifier: Apache-2.0
// New weights on their way to this rank: each waited for where the next pass first uses it.
//
//   step n: ... optimizer, start()      bucket  3   2   1   0     the last holds the first layers
//   step n + 1: forward -- gate "stem"    wait  3
//                       -- gate "head"                      0     backward finds all of them there
#pragma once

#include <string>

#include "pipeline/flat_layout.h"
#include "pipeline/gradient_exchange.h"

namespace larkspur::pipeline {

/// One thread at a time. Borrows the exchange and copies the layout. From start() on the values are
/// neither read nor written but behind a wait for them.
class ArrivingValues {
 public:
  ArrivingValues(GradientExchange& exchange, const FlatLayout& layout)
      : exchange_(exchange), layout_(layout) {}

  /// Every rank's owned values begin to travel to all ranks. A collective call.
  void start();

  /// As a ParameterGate: returns when the parameters of `part` may be used.
  void wait_for(const std::string& part);

  /// Returns when all of them may be; at once the second time.
  void wait_for_all();

 private:
  GradientExchange& exchange_;
  FlatLayout layout_;
  bool are_all_here_ = true;
};

}  // namespace larkspur::pipeline
