// SPDX-License-Identifier: Apache-2.0
// A sparse linear map from rows to rows: gathering neighbours and splatting points are both one.
//
//   y[to[e]] += weight[e] * x[from[e]]     e = 0, 1, ... of each sample
//
// The gradient is the same map with `from` and `to` exchanged. ATen has the pieces, but on a CPU
// with several threads an accumulating index_put_ (also the one behind the gradient of indexing)
// adds with atomics, in any order, and on a GPU scatter_add and index_add do. Here the CPU adds in
// order of e, a sample a thread. Elsewhere index_put_ with accumulate sorts by destination, stably,
// before it adds: CUDA gives the same bits every time.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace larkspur::model3d {

/// E links of each of N samples. On the device of what they are applied to.
struct EdgeList {
  at::Tensor from_NE;    ///< int64, rows of x
  at::Tensor to_NE;      ///< int64, rows of y
  at::Tensor weight_NE;  ///< type of x; no gradient flows to it
};

/// Links of every point to one row each of several: `to`, row numbers, and `weights`, both [N, P],
/// one list after the other. Not empty.
EdgeList links_of_points(const std::vector<at::Tensor>& to, const std::vector<at::Tensor>& weights);

/// x [N, R, C] to y [N, rows, C] as above; a row nobody links to is zero. float32 and float64 on
/// the CPU run here, everything else through ATen, some million values at once. First derivatives
/// for x; asked for second ones, backward throws kUnsupported. Links must lie inside: they are not
/// looked at one by one. Throws kInvalidArgument for shapes that do not fit.
at::Tensor scatter_sum(const at::Tensor& x_NRC, const EdgeList& links, std::int64_t rows);

/// scatter_sum, each row divided by the sum of weights that reach it where that is over 1: a
/// crowded row is a mean, a sparse one a sum.
at::Tensor levelled_sum(const at::Tensor& x_NRC, const EdgeList& links, std::int64_t rows);

}  // namespace larkspur::model3d
