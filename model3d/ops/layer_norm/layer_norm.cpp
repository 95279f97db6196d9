// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/layer_norm/layer_norm.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "model3d/kernels/find_op.h"
#include "model3d/kernels/parallel_for.h"
#include "model3d/ops/layer_norm/layer_norm_loops.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

constexpr std::int64_t kChunk = 1024;  // rows of a thread at a time, with sums of their own

/// call(chunk, first row, rows) for all chunks, shared among threads.
template <typename Call>
void for_chunks(std::int64_t rows, const Call& call) {
  const std::int64_t chunks = (rows + kChunk - 1) / kChunk;
  parallel_for(chunks, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      call(i, i * kChunk, std::min(kChunk, rows - i * kChunk));
    }
  });
}

// The loops in host memory, as the dispatcher calls them.

std::tuple<at::Tensor, at::Tensor> layer_norm_on_cpu(
    const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double eps, bool gelu) {
  const std::int64_t columns = x.size(-1);
  const std::int64_t rows = x.numel() / columns;
  at::Tensor y = at::empty_like(x);
  at::Tensor moments = at::empty({2, rows}, x.options());
  auto* mean = moments.mutable_data_ptr<float>();
  for_chunks(rows, [&](std::int64_t /*chunk*/, std::int64_t first, std::int64_t count) {
    const NormOperands operands{weight.const_data_ptr<float>(),
                                bias.const_data_ptr<float>(),
                                mean + first,
                                mean + rows + first};
    layer_norm_loops(fastest_instruction_set())
        .forward(y.mutable_data_ptr<float>() + first * columns,
                 x.const_data_ptr<float>() + first * columns,
                 operands,
                 {count, columns, static_cast<float>(eps), gelu});
  });
  return {y, moments};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> layer_norm_backward_on_cpu(const at::Tensor& dy,
                                                                          const at::Tensor& x,
                                                                          const at::Tensor& weight,
                                                                          const at::Tensor& bias,
                                                                          const at::Tensor& moments,
                                                                          bool gelu) {
  const std::int64_t columns = x.size(-1);
  const std::int64_t rows = x.numel() / columns;
  const std::int64_t chunks = (rows + kChunk - 1) / kChunk;
  at::Tensor dx = at::empty_like(x);
  const at::Tensor sums = at::zeros({chunks, 2, columns}, x.options());
  auto* mean = moments.mutable_data_ptr<float>();
  for_chunks(rows, [&](std::int64_t chunk, std::int64_t first, std::int64_t count) {
    const NormOperands operands{weight.const_data_ptr<float>(),
                                bias.const_data_ptr<float>(),
                                mean + first,
                                mean + rows + first};
    std::vector<float> scratch(static_cast<std::size_t>(columns));
    float* sum = sums.mutable_data_ptr<float>() + chunk * 2 * columns;
    layer_norm_loops(fastest_instruction_set())
        .backward(dx.mutable_data_ptr<float>() + first * columns,
                  sum,
                  sum + columns,
                  scratch.data(),
                  dy.const_data_ptr<float>() + first * columns,
                  x.const_data_ptr<float>() + first * columns,
                  operands,
                  {count, columns, 0.0F, gelu});
  });
  at::Tensor total = sums[0].clone();
  for (std::int64_t chunk = 1; chunk < chunks; ++chunk) total += sums[chunk];
  return {dx, total[0].clone(), total[1].clone()};
}

const auto& layer_norm_op() {
  using Signature = std::tuple<at::Tensor, at::Tensor>(
      const at::Tensor&, const at::Tensor&, const at::Tensor&, double, bool);
  static const auto op = find_op<Signature>("larkspur::layer_norm");
  return op;
}

const auto& layer_norm_backward_op() {
  using Signature = std::tuple<at::Tensor, at::Tensor, at::Tensor>(const at::Tensor&,
                                                                   const at::Tensor&,
                                                                   const at::Tensor&,
                                                                   const at::Tensor&,
                                                                   const at::Tensor&,
                                                                   bool);
  static const auto op = find_op<Signature>("larkspur::layer_norm_backward");
  return op;
}

class LayerNormFunction : public torch::autograd::Function<LayerNormFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context,
                            const at::Tensor& x_any,
                            const at::Tensor& weight,
                            const at::Tensor& bias,
                            double eps,
                            bool gelu) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const at::Tensor x = x_any.contiguous();
    const auto [y, moments] = layer_norm_op().call(x, weight, bias, eps, gelu);
    context->save_for_backward({x, weight, bias, moments});
    context->saved_data["gelu"] = gelu;
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& outputs) {
    pipeline::require(!at::GradMode::is_enabled(),
                      pipeline::Errc::kUnsupported,
                      "[layer_norm] second derivatives asked for, only first ones are there");
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const auto [dx, dweight, dbias] =
        layer_norm_backward_op().call(outputs[0].contiguous(),
                                      saved[0],
                                      saved[1],
                                      saved[2],
                                      saved[3],
                                      context->saved_data["gelu"].toBool());
    return {dx, dweight, dbias, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

TORCH_LIBRARY_FRAGMENT(larkspur, library) {
  library.def(
      "layer_norm(Tensor x, Tensor weight, Tensor bias, float eps, bool gelu) -> (Tensor, Tensor)");
  library.def(
      "layer_norm_backward(Tensor dy, Tensor x, Tensor weight, Tensor bias, Tensor moments, "
      "bool gelu) -> (Tensor, Tensor, Tensor)");
}
TORCH_LIBRARY_IMPL(larkspur, CPU, library) {
  library.impl("layer_norm", &layer_norm_on_cpu);
  library.impl("layer_norm_backward", &layer_norm_backward_on_cpu);
}

at::Tensor layer_norm(const at::Tensor& x,
                      const at::Tensor& weight,
                      const at::Tensor& bias,
                      double eps,
                      Activation activation) {
  return LayerNormFunction::apply(x, weight, bias, eps, activation == Activation::kGelu);
}

}  // namespace larkspur::model3d
