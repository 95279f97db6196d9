// SPDX-License-Identifier: Apache-2.0
// Cross entropy with label smoothing, divided by the lane's nominal size.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace larkspur::pipeline {

/// Scalar: the sum of the samples' losses over `nominal`, so that a sample which could not be read
/// counts as no gradient rather than as a larger weight for its neighbours.
/// logits float [N,classes], labels int64 [N] in [0, classes), smoothing in [0, 1) spread over all
/// classes (Szegedy et al. 2016, section 7), nominal >= N >= 1.
at::Tensor lane_loss(const at::Tensor& logits,
                     const at::Tensor& labels,
                     double smoothing,
                     std::int64_t nominal);

}  // namespace larkspur::pipeline
