// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/nll_loss.h>
#include <ATen/ops/zeros_like.h>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

/// As at::cross_entropy_loss, bit for bit, less what that starts for labels to be ignored, of which
/// there are none.
at::Tensor cross_entropy(const at::Tensor& logits_NK,
                         const at::Tensor& labels_N,
                         at::Reduction::Reduction reduction,
                         double smoothing) {
  constexpr std::int64_t kNoIgnoredLabel = -100;
  const bool is_rounded = c10::isReducedFloatingType(logits_NK.scalar_type());
  const at::Tensor logs_NK = at::log_softmax(is_rounded ? logits_NK.to(at::kFloat) : logits_NK, 1);
  const at::Tensor sharp = at::nll_loss(logs_NK, labels_N, {}, reduction, kNoIgnoredLabel);
  if (smoothing == 0.0) return sharp;
  const at::Tensor logs_N = logs_NK.sum(1);
  const at::Tensor even = reduction == at::Reduction::Sum ? logs_N.sum() : logs_N;
  const auto classes = static_cast<double>(logits_NK.size(1));
  return (1.0 - smoothing) * sharp + even * (-smoothing / classes);
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

at::Tensor sum_of_losses(const at::Tensor& logits, const Batch& batch, double smoothing) {
  if (batch.labels.dim() == 2) {
    require(smoothing == 0.0,
            Errc::kInvalidArgument,
            "[loss] samples of several labels have no label smoothing");
    return loss_of_several(logits, batch.labels);
  }
  return batch.partner_labels.defined()
             ? mixed_loss(logits, batch, smoothing)
             : cross_entropy(logits, batch.labels, at::Reduction::Sum, smoothing);
}

at::Tensor count_correct(const at::Tensor& logits, const Batch& batch) {
  if (batch.labels.dim() == 2) return logits.argmax(1, true).eq(batch.labels).any(1).sum();
  return logits.argmax(1).eq(batch.labels).sum();
}

}  // namespace larkspur::pipeline
