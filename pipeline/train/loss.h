// SPDX-License-Identifier: Apache-2.0
// Cross entropy with label smoothing and mixed labels, divided by the lane's nominal size.
#pragma once

#include <ATen/core/Tensor.h>

#include "pipeline/batch.h"

namespace larkspur::pipeline {

/// Where samples may show several classes (labels [N, L]): the sum over classes of the binary cross
/// entropy of each, without smoothing. Else
/// scalar: the sum of the samples' losses over batch.nominal, so that a sample which could not be
/// read counts as no gradient rather than as a larger weight for its neighbours. A mixed sample's
/// loss is the mean of its two labels' losses, weighted by their shares. logits float [N,classes],
/// N >= 1; labels in [0, classes); smoothing in [0, 1) spread over all classes (Szegedy et al.
/// 2016, section 7).
at::Tensor lane_loss(const at::Tensor& logits, const Batch& batch, double smoothing);

/// Scalar int64: samples whose largest logit is their label's, or one of theirs, or for a mixed
/// sample that of its own label.
at::Tensor count_correct(const at::Tensor& logits, const Batch& batch);

}  // namespace larkspur::pipeline
