// SPDX-License-Identifier: Apache-2.0
// What lies around the points of a cloud: rows of their neighbours, and the strongest of them.
//
// x [N,P,C], floating point; nearest int64 [N,P,k] as nearest_points() gives it, on x's device, its
// numbers inside [0, P). float32 on the CPU goes through model3d/ops/neighbour_max, which says what
// is computed, and there bits depend on neither threads nor, in a sample's rows, on the batch; all
// else through the library. First derivatives. Throws kInvalidArgument for shapes that do not fit.
#pragma once

#include <ATen/core/Tensor.h>

namespace larkspur::model3d {

/// [N,P*k,C], those of point 0 first.
at::Tensor rows_of_neighbours(const at::Tensor& x_NPC, const at::Tensor& nearest_NPk);

/// [N,P,C]: the largest of each column among a point's neighbours. Of equal ones the first has the
/// gradient.
at::Tensor largest_nearby(const at::Tensor& x_NPC, const at::Tensor& nearest_NPk);

/// given and taken [N,P,H], weight [C,H] to [N,P,C]: the largest of weight relu(given[q] -
/// taken[p]) among the neighbours q of p.
at::Tensor largest_edge(const at::Tensor& given_NPH,
                        const at::Tensor& taken_NPH,
                        const at::Tensor& weight_CH,
                        const at::Tensor& nearest_NPk);

}  // namespace larkspur::model3d
