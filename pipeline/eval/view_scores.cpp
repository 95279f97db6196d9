// SPDX-License-Identifier: Apache-2.0
#include "pipeline/eval/view_scores.h"

#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

namespace larkspur::pipeline {
namespace {

/// Row after row, so that no library decides the order of the sum.
at::Tensor mean_of_rows(const at::Tensor& rows_VK) {
  at::Tensor sum_K = at::zeros({rows_VK.size(1)}, at::kDouble);
  for (std::int64_t v = 0; v < rows_VK.size(0); ++v) sum_K.add_(rows_VK[v]);
  return sum_K.div_(static_cast<double>(rows_VK.size(0)));
}

}  // namespace

at::Tensor fuse_views(const at::Tensor& logits_VK, ViewFusion fusion, bool several_labels) {
  const at::Tensor exact_VK = logits_VK.to(at::kDouble);
  const auto probabilities = [&](const at::Tensor& logits) {
    return several_labels ? logits.sigmoid() : logits.softmax(-1);
  };
  return fusion == ViewFusion::kLogits ? probabilities(mean_of_rows(exact_VK))
                                       : mean_of_rows(probabilities(exact_VK));
}

}  // namespace larkspur::pipeline
