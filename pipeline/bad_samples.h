// SPDX-License-Identifier: Apache-2.0
// How many samples of a list may be unreadable: one rule for training and evaluation.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "pipeline/sample.h"

namespace larkspur::pipeline {

/// Of what list, and how much of it.
struct BadSampleBound {
  std::int64_t samples = 0;   ///< in the list
  double max_fraction = 0.0;  ///< of them that may be unreadable
  std::string_view what;      ///< "training samples"
  std::string_view also{};    ///< what the message adds behind the bound: " (the report ...)"
};

/// Throws kCorruptData naming the first of `bad`, distinct samples in the order they were met,
/// where there are more than the bound allows.
void require_few_bad(const std::vector<BadSample>& bad, const BadSampleBound& bound);

}  // namespace larkspur::pipeline
