// SPDX-License-Identifier: Apache-2.0
#include "pipeline/state/loss_scaler.h"

#include <algorithm>
#include <cmath>

#include "pipeline/require.h"

namespace larkspur::pipeline {

LossScaler::LossScaler(double scale, std::int64_t good_steps, std::int64_t skipped)
    : scale_(scale), good_steps_(good_steps), skipped_(skipped) {
  const bool in_range = scale >= kFloor && scale <= kCeiling;
  require(in_range && std::exp2(std::round(std::log2(scale))) == scale,
          Errc::kCorruptData,
          "loss scale is ",
          scale,
          ", not a power of two from ",
          kFloor,
          " to ",
          kCeiling);
  require(good_steps >= 0 && good_steps < kGoodSteps && skipped >= 0,
          Errc::kCorruptData,
          "loss scale after ",
          good_steps,
          " good steps and ",
          skipped,
          " skipped ones: out of range");
}

double LossScaler::scale_in(Precision precision) const {
  return precision == Precision::kFloat16 ? scale_ : 1.0;
}

void LossScaler::count_good(Precision precision) {
  if (precision != Precision::kFloat16 || ++good_steps_ < kGoodSteps) return;
  scale_ = std::min(2.0 * scale_, kCeiling);
  good_steps_ = 0;
}

void LossScaler::skip(Precision precision, std::int64_t step, double loss) {
  require(precision == Precision::kFloat16 && scale_ > kFloor,
          Errc::kInvalidArgument,
          "the gradient of step ",
          step,
          " is not finite (loss ",
          loss,
          "): lower train.learning_rate or set train.clip_norm");
  scale_ /= 2.0;
  good_steps_ = 0;
  ++skipped_;
}

}  // namespace larkspur::pipeline
