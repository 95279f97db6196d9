// SPDX-License-Identifier: Apache-2.0
// Dynamic loss scaling for float16 (Micikevicius et al. 2018, arXiv 1710.03740, section 3.2).
//
// Gradients below 6e-8 vanish in float16, so the loss is multiplied before backward and the sum of
// gradients divided by the same afterwards. A gradient that is not finite is thrown away and the
// scale halved; after many good ones in a row it is doubled. All scales are powers of two: what is
// divided out again was exact.
#pragma once

#include <cstdint>

#include "pipeline/precision.h"

namespace larkspur::pipeline {

/// A value; the same on every rank, since all see the same global gradients.
class LossScaler {
 public:
  static constexpr double kFirst = 65536.0;
  static constexpr double kFloor = 1.0;
  static constexpr double kCeiling = 16777216.0;    ///< for gradients of nearly zero
  static constexpr std::int64_t kGoodSteps = 2000;  ///< in a row, before the scale is doubled

  LossScaler() = default;

  /// As a checkpoint has it. Throws kCorruptData unless the scale is a power of two from kFloor to
  /// kCeiling, good_steps in [0, kGoodSteps) and skipped >= 0.
  LossScaler(double scale, std::int64_t good_steps, std::int64_t skipped);

  double scale() const { return scale_; }
  std::int64_t good_steps() const { return good_steps_; }  ///< since the scale last changed
  std::int64_t skipped() const { return skipped_; }        ///< steps thrown away so far

  /// What the loss of a step is multiplied by: scale() in float16, else 1.
  double scale_in(Precision precision) const;

  /// A gradient was finite: its step is taken. Counts in float16 alone.
  void count_good(Precision precision);

  /// The gradient of step number `step` (from 1) was not finite. In float16 it is skipped, and the
  /// next one has half the scale. At the floor, and in other precisions, scaling was not what made
  /// it overflow: throws kInvalidArgument naming step and loss, and nothing changes.
  void skip(Precision precision, std::int64_t step, double loss);

  bool operator==(const LossScaler&) const = default;

 private:
  double scale_ = kFirst;
  std::int64_t good_steps_ = 0;
  std::int64_t skipped_ = 0;
};

}  // namespace larkspur::pipeline
