// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/ops/cross_entropy_loss.h>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

at::Tensor cross_entropy(const at::Tensor& logits,
                         const at::Tensor& labels,
                         at::Reduction::Reduction reduction,
                         double smoothing) {
  constexpr std::int64_t kNoIgnoredLabel = -100;
  return at::cross_entropy_loss(logits, labels, {}, reduction, kNoIgnoredLabel, smoothing);
}

at::Tensor mixed_loss(const at::Tensor& logits, const Batch& batch, double smoothing) {
  const at::Tensor own = cross_entropy(logits, batch.labels, at::Reduction::None, smoothing);
  const at::Tensor partner =
      cross_entropy(logits, batch.partner_labels, at::Reduction::None, smoothing);
  return (batch.own_share * own + (1.0 - batch.own_share) * partner).sum();
}

}  // namespace

at::Tensor lane_loss(const at::Tensor& logits, const Batch& batch, double smoothing) {
  require(batch.labels.dim() == 1,
          Errc::kInvalidArgument,
          "[loss] samples with several labels, but cross entropy takes one");
  const at::Tensor sum = batch.partner_labels.defined()
                             ? mixed_loss(logits, batch, smoothing)
                             : cross_entropy(logits, batch.labels, at::Reduction::Sum, smoothing);
  return sum.div(static_cast<double>(batch.nominal));
}

at::Tensor count_correct(const at::Tensor& logits, const Batch& batch) {
  return logits.argmax(1).eq(batch.labels).sum();
}

}  // namespace larkspur::pipeline
