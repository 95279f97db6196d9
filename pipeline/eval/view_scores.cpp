// SPDX-License-Identifier: Apache-2.0
#include "pipeline/eval/view_scores.h"

#include <algorithm>

#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

namespace larkspur::pipeline {
namespace {

constexpr std::int64_t kRankedClasses = 5;

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

Prediction ranked_classes(const at::Tensor& probabilities_K, bool several_labels) {
  Prediction row;
  const std::int64_t ranked = std::min(kRankedClasses, probabilities_K.size(0));
  // A stable sort: the same order on every machine.
  const auto [sorted, classes] =
      probabilities_K.sort(/*stable=*/true, /*dim=*/0, /*descending=*/true);
  for (std::int64_t k = 0; k < ranked; ++k) {
    row.classes.push_back(classes[k].item<std::int64_t>());
    row.probabilities.push_back(sorted[k].item<double>());
  }
  if (several_labels) {
    const auto* const first = probabilities_K.const_data_ptr<double>();
    row.of_every_class.assign(first, first + probabilities_K.numel());
  }
  return row;
}

}  // namespace larkspur::pipeline
