// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/zeros_like.h>

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

at::Tensor loss_of_several(const at::Tensor& logits_NK, const at::Tensor& labels_NL) {
  at::Tensor shown_NK = at::zeros_like(logits_NK);
  // What fills a row stands for no class: it goes to a column of its own, which is left out.
  const at::Tensor places_NL = labels_NL.where(labels_NL.ge(0), logits_NK.size(1));
  shown_NK = at::constant_pad_nd(shown_NK, {0, 1})
                 .scatter(1, places_NL, 1.0)
                 .narrow(1, 0, logits_NK.size(1));
  return at::binary_cross_entropy_with_logits(logits_NK, shown_NK, {}, {}, at::Reduction::Sum);
}

at::Tensor mixed_loss(const at::Tensor& logits, const Batch& batch, double smoothing) {
  const at::Tensor own = cross_entropy(logits, batch.labels, at::Reduction::None, smoothing);
  const at::Tensor partner =
      cross_entropy(logits, batch.partner_labels, at::Reduction::None, smoothing);
  return (batch.own_share * own + (1.0 - batch.own_share) * partner).sum();
}

}  // namespace

at::Tensor lane_loss(const at::Tensor& logits, const Batch& batch, double smoothing) {
  if (batch.labels.dim() == 2) {
    require(smoothing == 0.0,
            Errc::kInvalidArgument,
            "[loss] samples of several labels have no label smoothing");
    return loss_of_several(logits, batch.labels).div(static_cast<double>(batch.nominal));
  }
  const at::Tensor sum = batch.partner_labels.defined()
                             ? mixed_loss(logits, batch, smoothing)
                             : cross_entropy(logits, batch.labels, at::Reduction::Sum, smoothing);
  return sum.div(static_cast<double>(batch.nominal));
}

at::Tensor count_correct(const at::Tensor& logits, const Batch& batch) {
  if (batch.labels.dim() == 2) return logits.argmax(1, true).eq(batch.labels).any(1).sum();
  return logits.argmax(1).eq(batch.labels).sum();
}

}  // namespace larkspur::pipeline
