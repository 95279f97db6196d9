// SPDX-License-Identifier: Apache-2.0
// Cross entropy with label smoothing and mixed labels, summed over a lane's samples.
#pragma once

#include <ATen/core/Tensor.h>

#include "pipeline/batch.h"

namespace larkspur::pipeline {

/// Scalar: the sum of the samples' losses, float32 or wider. A lane's loss is it over
/// batch.nominal, so that a sample which could not be read counts as no gradient rather than as a
/// larger weight for its neighbours; who goes backward divides. A mixed sample's loss is the mean
/// of its two labels' losses, weighted by their shares; one that may show several classes (labels
/// [N,L]) has the sum over classes of the binary cross entropy of each, without smoothing. logits
/// floating [N,classes], N >= 1; labels in [0, classes); smoothing in [0, 1) spread over all
/// classes (Szegedy et al. 2016, section 7).
at::Tensor sum_of_losses(const at::Tensor& logits, const Batch& batch, double smoothing);

/// Scalar int64: samples whose largest logit is their label's, or one of theirs, or for a mixed
/// sample that of its own label.
at::Tensor count_correct(const at::Tensor& logits, const Batch& batch);

}  // namespace larkspur::pipeline
