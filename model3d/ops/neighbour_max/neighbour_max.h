// SPDX-License-Identifier: Apache-2.0
// What is strongest around each point of a cloud: two layers that end in a maximum over neighbours.
//
//   neighbour_max    y[p][c] = max over the neighbours q of p of  x[q][c]
//   edge_max         y[p][c] = max over q of  sum over h of weight[c][h] relu(given[q][h] -
//   taken[p][h])
//
// The first is the aggregation of DeLA (Chen et al. 2023, arXiv 2308.16532, section 3.2). The
// second is a small network over the edges of a graph (PointNet++, Qi et al. 2017, arXiv
// 1706.02413, section 3.2, without norms): where its first layer is linear in the difference of two
// points, it is one product a point, `given`, less another, `taken`, and not one an edge. Only the
// edge that won passes a gradient on, so backward costs a k-th of forward.
//
// All float32 on the CPU. nearest: int64 [N,P,k], k >= 1, rows of the same sample, each inside
// [0, P); neither that nor the other sizes are looked at here (points/neighbourhood.h does). Of
// equal values the first neighbour wins; not a number wins against all and passes through relu.
// Bits depend on neither threads nor, in a sample's y, on the batch. First derivatives; asked for
// second ones, backward throws kUnsupported. Thread-safe; uses ATen's intra-op threads.
#pragma once

#include <ATen/core/Tensor.h>

namespace larkspur::model3d {

/// x [N,P,C] to [N,P,C]. Keeps int32 [N,P,C] for backward.
at::Tensor neighbour_max(const at::Tensor& x_NPC, const at::Tensor& nearest_NPk);

/// given and taken [N,P,H], weight [C,H] to [N,P,C]; first derivatives for all
/// three. Under autocast to bfloat16 the factors of the products are rounded, forward only. Keeps
/// its inputs and int32 [N,P,C] for backward.
at::Tensor edge_max(const at::Tensor& given_NPH,
                    const at::Tensor& taken_NPH,
                    const at::Tensor& weight_CH,
                    const at::Tensor& nearest_NPk);

}  // namespace larkspur::model3d
