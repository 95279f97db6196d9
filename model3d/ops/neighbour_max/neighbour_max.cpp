// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/neighbour_max/neighbour_max.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model3d/kernels/autocast.h"
#include "model3d/kernels/parallel_for.h"
#include "model3d/kernels/products.h"
#include "model3d/kernels/scratch.h"
#include "model3d/ops/neighbour_max/neighbour_max_loops.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

using pipeline::Errc;
using pipeline::require;

constexpr std::int64_t kPointsAtOnce = 12;  // their edges stay in second-level cache

const NeighbourMaxLoops& loops() { return neighbour_max_loops(fastest_instruction_set()); }

/// Rows of one sample's map, and the neighbours of its points.
struct SampleRows {
  const float* rows;
  const std::int64_t* nearest;
  std::int64_t columns, k;

  SampleRows(const at::Tensor& x_NPC, const at::Tensor& nearest_NPk, std::int64_t n)
      : rows(x_NPC.const_data_ptr<float>() + n * x_NPC.size(1) * x_NPC.size(2)),
        nearest(nearest_NPk.const_data_ptr<std::int64_t>() +
                n * nearest_NPk.size(1) * nearest_NPk.size(2)),
        columns(x_NPC.size(2)),
        k(nearest_NPk.size(2)) {}

  ChosenRows around(std::int64_t point) const { return {rows, columns, nearest + point * k, k}; }
};

void refuse_second_derivatives() {
  require(!at::GradMode::is_enabled(),
          Errc::kUnsupported,
          "[neighbour_max] second derivatives asked for, only first ones are there");
}

/// body(n) for all samples, shared among threads.
template <typename Body>
void for_samples(std::int64_t samples, const Body& body) {
  parallel_for(samples, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) body(n);
  });
}

class NeighbourMaxFunction : public torch::autograd::Function<NeighbourMaxFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context,
                            const at::Tensor& x_any,
                            const at::Tensor& nearest_NPk) {
    const at::Tensor x = x_any.contiguous();
    const std::int64_t sample = x.size(1) * x.size(2);
    at::Tensor y = at::empty_like(x);
    const at::Tensor winners = at::empty(x.sizes(), at::kInt);
    auto* const best = y.mutable_data_ptr<float>();
    auto* const winner = winners.mutable_data_ptr<std::int32_t>();
    for_samples(x.size(0), [&](std::int64_t n) {
      const SampleRows rows(x, nearest_NPk, n);
      for (std::int64_t p = 0; p < x.size(1); ++p) {
        const std::int64_t at = n * sample + p * rows.columns;
        loops().strongest(best + at, winner + at, rows.around(p));
      }
    });
    context->save_for_backward({winners});
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& outputs) {
    refuse_second_derivatives();
    const at::Tensor winners = context->get_saved_variables().front();
    const at::Tensor dy = outputs[0].contiguous();
    const std::int64_t columns = dy.size(2);
    const std::int64_t sample = dy.size(1) * columns;
    at::Tensor dx = at::zeros_like(dy);
    const auto* const winner = winners.const_data_ptr<std::int32_t>();
    const auto* const from = dy.const_data_ptr<float>();
    auto* const to = dx.mutable_data_ptr<float>();
    for_samples(dy.size(0), [&](std::int64_t n) {
      for (std::int64_t at = n * sample; at < (n + 1) * sample; ++at) {
        to[n * sample + winner[at] * columns + at % columns] += from[at];
      }
    });
    return {dx, {}};
  }
};

/// One product's operands: what forward keeps.
struct Edges {
  at::Tensor given_NPH, taken_NPH, weight_CH, nearest_NPk;
  at::Tensor winners_NPC;  ///< int32, which of its point's edges each output is of

  std::int64_t points() const { return given_NPH.size(1); }
  std::int64_t hidden() const { return given_NPH.size(2); }
  std::int64_t columns() const { return weight_CH.size(0); }
  std::int64_t neighbours() const { return nearest_NPk.size(2); }
  const float* taken(std::int64_t n, std::int64_t p) const {
    return taken_NPH.const_data_ptr<float>() + (n * points() + p) * hidden();
  }
};

/// Outputs of sample n.
void edge_max_of_sample(float* y,
                        std::int32_t* winners,
                        const Edges& edges,
                        const PackedMatrix& weight,
                        std::int64_t n) {
  const SampleRows given(edges.given_NPH, edges.nearest_NPk, n);
  const std::int64_t k = given.k;
  const std::int64_t columns = edges.columns();
  const Scratch hidden = make_scratch(kPointsAtOnce * k * given.columns);
  const Scratch products = make_scratch(kPointsAtOnce * k * columns);
  std::vector<std::int64_t> in_order(static_cast<std::size_t>(k));
  std::iota(in_order.begin(), in_order.end(), 0);
  for (std::int64_t first = 0; first < edges.points(); first += kPointsAtOnce) {
    const std::int64_t count = std::min(kPointsAtOnce, edges.points() - first);
    for (std::int64_t i = 0; i < count; ++i) {
      loops().edges(
          hidden.get() + i * k * given.columns, edges.taken(n, first + i), given.around(first + i));
    }
    weight.multiply(products.get(), {hidden.get(), count * k, given.columns});
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t at = (first + i) * columns;
      loops().strongest(
          y + at, winners + at, {products.get() + i * k * columns, columns, in_order.data(), k});
    }
  }
}

/// Gradients of one sample, all zeros before: dgiven and dtaken [P][H], dweight [C][H].
struct SampleGradients {
  float* given;
  float* taken;
  float* weight;
};

void edge_max_gradients(const SampleGradients& to,
                        const float* dy,
                        const std::int32_t* winners,
                        const Edges& edges,
                        std::int64_t n) {
  const SampleRows given(edges.given_NPH, edges.nearest_NPk, n);
  const std::int64_t width = given.columns;
  const auto* const weight = edges.weight_CH.const_data_ptr<float>();
  const Scratch hidden = make_scratch(given.k * width);
  const Scratch dhidden = make_scratch(given.k * width);
  for (std::int64_t p = 0; p < edges.points(); ++p) {
    const ChosenRows around = given.around(p);
    loops().edges(hidden.get(), edges.taken(n, p), around);
    std::fill_n(dhidden.get(), given.k * width, 0.0F);
    for (std::int64_t c = 0; c < edges.columns(); ++c) {
      const std::int64_t at = p * edges.columns() + c;
      const std::int64_t edge = winners[at] * width;
      loops().add_gradient(dhidden.get() + edge,
                           to.weight + c * width,
                           dy[at],
                           hidden.get() + edge,
                           weight + c * width,
                           width);
    }
    loops().add_edges(to.given, to.taken + p * width, dhidden.get(), hidden.get(), around);
  }
}

class EdgeMaxFunction : public torch::autograd::Function<EdgeMaxFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context,
                            const at::Tensor& given_any,
                            const at::Tensor& taken_any,
                            const at::Tensor& weight_any,
                            const at::Tensor& nearest_NPk) {
    Edges edges{
        given_any.contiguous(), taken_any.contiguous(), weight_any.contiguous(), nearest_NPk, {}};
    const std::int64_t samples = edges.given_NPH.size(0);
    const std::int64_t sample = edges.points() * edges.columns();
    at::Tensor y = at::empty({samples, edges.points(), edges.columns()}, edges.given_NPH.options());
    edges.winners_NPC = at::empty(y.sizes(), at::kInt);
    const PackedMatrix weight(
        {edges.weight_CH.const_data_ptr<float>(), edges.columns(), edges.hidden()},
        Transposed::kYes,
        {.factors = factors_of_autocast()});
    auto* const to = y.mutable_data_ptr<float>();
    auto* const winners = edges.winners_NPC.mutable_data_ptr<std::int32_t>();
    for_samples(samples, [&](std::int64_t n) {
      edge_max_of_sample(to + n * sample, winners + n * sample, edges, weight, n);
    });
    context->save_for_backward(
        {edges.given_NPH, edges.taken_NPH, edges.weight_CH, edges.nearest_NPk, edges.winners_NPC});
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& outputs) {
    refuse_second_derivatives();
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const Edges edges{saved[0], saved[1], saved[2], saved[3], saved[4]};
    const at::Tensor dy = outputs[0].contiguous();
    const std::int64_t samples = dy.size(0);
    at::Tensor dgiven = at::zeros_like(edges.given_NPH);
    at::Tensor dtaken = at::zeros_like(edges.taken_NPH);
    const at::Tensor parts =
        at::zeros({samples, edges.columns(), edges.hidden()}, edges.weight_CH.options());
    for_samples(samples, [&](std::int64_t n) {
      const auto part = [n](const at::Tensor& all) {
        return all.mutable_data_ptr<float>() + n * all.size(1) * all.size(2);
      };
      edge_max_gradients(
          {part(dgiven), part(dtaken), part(parts)},
          dy.const_data_ptr<float>() + n * edges.points() * edges.columns(),
          edges.winners_NPC.const_data_ptr<std::int32_t>() + n * edges.points() * edges.columns(),
          edges,
          n);
    });
    at::Tensor dweight = at::zeros_like(edges.weight_CH);
    for (std::int64_t n = 0; n < samples; ++n) {
      add(dweight.mutable_data_ptr<float>(), parts[n].const_data_ptr<float>(), dweight.numel());
    }
    return {dgiven, dtaken, dweight, {}};
  }
};

}  // namespace

at::Tensor neighbour_max(const at::Tensor& x_NPC, const at::Tensor& nearest_NPk) {
  return NeighbourMaxFunction::apply(x_NPC, nearest_NPk.contiguous());
}

at::Tensor edge_max(const at::Tensor& given_NPH,
                    const at::Tensor& taken_NPH,
                    const at::Tensor& weight_CH,
                    const at::Tensor& nearest_NPk) {
  return EdgeMaxFunction::apply(given_NPH, taken_NPH, weight_CH, nearest_NPk.contiguous());
}

}  // namespace larkspur::model3d
