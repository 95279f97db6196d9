// SPDX-License-Identifier: Apache-2.0
#include "model3d/points/neighbourhood.h"

#include <tuple>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/max.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/relu.h>

#include "model3d/layers/cpu_ops.h"
#include "model3d/ops/neighbour_max/neighbour_max.h"
#include "model3d/points/edge_list.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

using pipeline::Errc;
using pipeline::require;

void check_neighbours(const at::Tensor& x_NPC, const at::Tensor& nearest_NPk) {
  require(x_NPC.dim() == 3 && nearest_NPk.dim() == 3 && nearest_NPk.scalar_type() == at::kLong &&
              x_NPC.size(0) == nearest_NPk.size(0) && x_NPC.size(1) == nearest_NPk.size(1) &&
              nearest_NPk.size(2) >= 1 && x_NPC.device() == nearest_NPk.device(),
          Errc::kInvalidArgument,
          "[neighbourhood] rows ",
          x_NPC.sizes(),
          " and neighbours ",
          nearest_NPk.sizes(),
          " are not [N,P,C] and int64 [N,P,k] on one device");
}

/// The largest of [N,P*k,C] over k.
at::Tensor largest_of(const at::Tensor& rows, const at::Tensor& nearest_NPk) {
  const at::Tensor edges = rows.unflatten(1, {nearest_NPk.size(1), nearest_NPk.size(2)});
  return std::get<0>(at::max(edges, 2));
}

}  // namespace

at::Tensor rows_of_neighbours(const at::Tensor& x_NPC, const at::Tensor& nearest_NPk) {
  check_neighbours(x_NPC, nearest_NPk);
  const at::Tensor from = nearest_NPk.flatten(1);
  const at::Tensor to = at::arange(from.size(1), from.options()).expand_as(from);
  return scatter_sum(x_NPC, {from, to, at::ones(from.sizes(), x_NPC.options())}, from.size(1));
}

at::Tensor largest_nearby(const at::Tensor& x_NPC, const at::Tensor& nearest_NPk) {
  check_neighbours(x_NPC, nearest_NPk);
  if (cpu_ops_take(x_NPC, x_NPC)) return neighbour_max(x_NPC, nearest_NPk);
  return largest_of(rows_of_neighbours(x_NPC, nearest_NPk), nearest_NPk);
}

at::Tensor largest_edge(const at::Tensor& given_NPH,
                        const at::Tensor& taken_NPH,
                        const at::Tensor& weight_CH,
                        const at::Tensor& nearest_NPk) {
  check_neighbours(given_NPH, nearest_NPk);
  require(taken_NPH.sizes() == given_NPH.sizes() && weight_CH.dim() == 2 &&
              taken_NPH.scalar_type() == given_NPH.scalar_type() &&
              weight_CH.size(1) == given_NPH.size(2),
          Errc::kInvalidArgument,
          "[neighbourhood] given ",
          given_NPH.sizes(),
          ", taken ",
          taken_NPH.sizes(),
          " and weight ",
          weight_CH.sizes(),
          " are not [N,P,H] twice and [C,H]");
  if (cpu_ops_take(given_NPH, weight_CH)) {
    return edge_max(given_NPH, taken_NPH, weight_CH, nearest_NPk);
  }
  const at::Tensor rows = rows_of_neighbours(given_NPH, nearest_NPk);
  const at::Tensor taken = taken_NPH.repeat_interleave(nearest_NPk.size(2), 1);
  return largest_of(at::linear(at::relu(rows - taken), weight_CH), nearest_NPk);
}

}  // namespace larkspur::model3d
