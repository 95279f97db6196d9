// SPDX-License-Identifier: Apache-2.0
// From the logits of a sample's views to the scores of the sample.
#pragma once

#include <ATen/core/Tensor.h>

#include "pipeline/eval/score_table.h"
#include "pipeline/plan/protocol.h"

namespace larkspur::pipeline {

/// logits_VK [V, K], finite, CPU. Returns the probabilities of the sample, float64 [K]: the mean of
/// the views' softmax, or softmax of their mean, computed in float64 in the order of the views.
/// Where a sample may show several classes each has a probability of its own: sigmoid for softmax.
at::Tensor fuse_views(const at::Tensor& logits_VK, ViewFusion fusion, bool several_labels = false);

/// The best classes of one sample, up to five, and with several labels the probability of each.
/// Among equal probabilities the lowest class comes first.
Prediction ranked_classes(const at::Tensor& probabilities_K, bool several_labels);

}  // namespace larkspur::pipeline
