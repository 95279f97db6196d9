// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/excite_gate/excite_gate.h"

#include <tuple>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "model3d/kernels/find_op.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

/// The gate, and what ReLU leaves [N,S].
std::tuple<at::Tensor, at::Tensor> gate_on_cpu(const at::Tensor& means,
                                               const at::Tensor& down,
                                               const at::Tensor& down_bias,
                                               const at::Tensor& up,
                                               const at::Tensor& up_bias) {
  const at::Tensor inner = at::relu(at::linear(means, down.flatten(1), down_bias));
  return {at::sigmoid(at::linear(inner, up.flatten(1), up_bias)), inner};
}

/// Gradients of means, down, its bias, up, its bias.
std::vector<at::Tensor> gate_backward_on_cpu(const at::Tensor& dgate,
                                             const at::Tensor& means,
                                             const at::Tensor& gate,
                                             const at::Tensor& inner,
                                             const at::Tensor& down,
                                             const at::Tensor& up) {
  const at::Tensor of_up = dgate * gate * (1.0 - gate);
  const at::Tensor of_down = at::mm(of_up, up.flatten(1)) * inner.gt(0.0);
  return {at::mm(of_down, down.flatten(1)),
          at::mm(of_down.t(), means).view(down.sizes()),
          of_down.sum(0),
          at::mm(of_up.t(), inner).view(up.sizes()),
          of_up.sum(0)};
}

class ExciteGateFunction : public torch::autograd::Function<ExciteGateFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context,
                            const at::Tensor& means_any,
                            const at::Tensor& down,
                            const at::Tensor& down_bias,
                            const at::Tensor& up,
                            const at::Tensor& up_bias) {
    static const auto op = find_op<decltype(gate_on_cpu)>("larkspur::excite_gate");
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const at::Tensor means = means_any.contiguous();
    const auto [gate, inner] = op.call(means, down, down_bias, up, up_bias);
    context->save_for_backward({means, gate, inner, down, up});
    return gate;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& outputs) {
    static const auto op =
        find_op<decltype(gate_backward_on_cpu)>("larkspur::excite_gate_backward");
    pipeline::require(!at::GradMode::is_enabled(),
                      pipeline::Errc::kUnsupported,
                      "[excite_gate] second derivatives asked for, only first ones are there");
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const torch::autograd::variable_list saved = context->get_saved_variables();
    return op.call(outputs[0].contiguous(), saved[0], saved[1], saved[2], saved[3], saved[4]);
  }
};

}  // namespace

TORCH_LIBRARY_FRAGMENT(larkspur, library) {
  library.def(
      "excite_gate(Tensor means, Tensor down, Tensor down_bias, Tensor up, Tensor up_bias) -> "
      "(Tensor, Tensor)");
  library.def(
      "excite_gate_backward(Tensor dgate, Tensor means, Tensor gate, Tensor inner, Tensor down, "
      "Tensor up) -> Tensor[]");
}
TORCH_LIBRARY_IMPL(larkspur, CPU, library) {
  library.impl("excite_gate", &gate_on_cpu);
  library.impl("excite_gate_backward", &gate_backward_on_cpu);
}

at::Tensor excite_gate(const at::Tensor& means_NC, const ExciteGateParameters& p) {
  return ExciteGateFunction::apply(means_NC, p.down, p.down_bias, p.up, p.up_bias);
}

}  // namespace larkspur::model3d
