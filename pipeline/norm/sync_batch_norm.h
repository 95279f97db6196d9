// SPDX-License-Identifier: Apache-2.0
// One BatchNorm over all lanes of the job, forward and backward, as one autograd node a rank.
//
//   x of lane 0 --+           +-- y of lane 0        moments of my lanes -- LaneRounds --> of all
//   x of lane 1 --+-- node  --+-- y of lane 1        lanes, joined in lane order: the same bits on
//                                                    any number of ranks
//
// Ioffe and Szegedy 2015, arXiv 1502.03167, with the batch taken over all lanes. Backward, with n
// values a channel in all lanes and xhat = (x - mean) / sqrt(variance + eps):
//   dx = weight / sqrt(variance + eps) * (dy - sum(dy) / n - xhat * sum(dy * xhat) / n)
// where the sums go over all lanes. The gradients of weight and bias are each lane's own.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "pipeline/batch_norm_hook.h"
#include "pipeline/norm/lane_rounds.h"
#include "pipeline/norm/moments.h"

namespace larkspur::pipeline {

/// y of each of this rank's lanes (at least one, in lane order), in x's shape and type; the running
/// statistics stay. `all` are the moments of all lanes of the job. Backward shares its sums in a
/// round of the same `number`, so every rank must come by its norms in the same order; the rounds
/// outlive the graph. First derivatives, once. Keeps every x until then.
std::vector<at::Tensor> sync_batch_norm(const std::vector<BatchNormCall>& lanes,
                                        const Moments& all,
                                        LaneRounds& rounds,
                                        int number);

/// Moves the running statistics a step of call.momentum towards the mean and the unbiased variance
/// of `all`; one value a channel says nothing and moves nothing.
void update_running(const BatchNormCall& call, const Moments& all);

}  // namespace larkspur::pipeline
