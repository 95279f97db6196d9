// SPDX-License-Identifier: Apache-2.0
#include "pipeline/loss.h"

#include <ATen/core/Reduction.h>
#include <ATen/ops/cross_entropy_loss.h>

namespace larkspur::pipeline {

at::Tensor lane_loss(const at::Tensor& logits,
                     const at::Tensor& labels,
                     double smoothing,
                     std::int64_t nominal) {
  constexpr std::int64_t kNoIgnoredLabel = -100;
  const at::Tensor sum =
      at::cross_entropy_loss(logits, labels, {}, at::Reduction::Sum, kNoIgnoredLabel, smoothing);
  return sum.div(static_cast<double>(nominal));
}

}  // namespace larkspur::pipeline
