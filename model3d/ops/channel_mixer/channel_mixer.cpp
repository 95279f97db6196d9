// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/channel_mixer/channel_mixer.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "model3d/kernels/autocast.h"
#include "model3d/kernels/find_op.h"
#include "model3d/ops/channel_mixer/channel_mixer_tensors.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

constexpr auto kLast = at::MemoryFormat::ChannelsLast3d;
constexpr std::size_t kParameters = 8;

using Tensors = std::vector<at::Tensor>;

const float* read(const at::Tensor& tensor) { return tensor.const_data_ptr<float>(); }
float* write(const at::Tensor& tensor) { return tensor.mutable_data_ptr<float>(); }

// The passes in host memory, as the dispatcher calls them.

/// out, h, norms, y, mean, variance; other devices may add what their backward pass reads.
Tensors mixer_forward_on_cpu(const at::Tensor& x,
                             const at::Tensor& u,
                             const at::Tensor& gate,
                             const at::Tensor& keep,
                             at::TensorList parameters,
                             double eps,
                             std::int64_t factors) {
  const ChannelMixerShape shape = mixer_shape_of(u, parameters[0], factors);
  const Tensors made = mixer_outputs(x, u, shape);
  channel_mixer_forward_cpu(write(made[0]),
                            mixer_saved_of(at::TensorList(made).slice(1)),
                            read(x),
                            read(u),
                            read(gate),
                            read(keep),
                            mixer_weights_of(parameters, eps),
                            shape);
  return made;
}

/// Gradients of u, gate and the parameters.
Tensors mixer_backward_on_cpu(const at::Tensor& dout,
                              const at::Tensor& u,
                              const at::Tensor& gate,
                              const at::Tensor& keep,
                              at::TensorList saved,
                              at::TensorList parameters,
                              double eps,
                              std::int64_t factors) {
  const Tensors d = mixer_gradients(u, gate, parameters);
  channel_mixer_backward_cpu(mixer_gradients_of(d),
                             mixer_saved_of(saved),
                             read(dout),
                             read(u),
                             read(gate),
                             read(keep),
                             mixer_weights_of(parameters, eps),
                             mixer_shape_of(u, parameters[0], factors));
  return d;
}

const auto& mixer_op() {
  static const auto op = find_op<decltype(mixer_forward_on_cpu)>("larkspur::channel_mixer");
  return op;
}

const auto& mixer_backward_op() {
  static const auto op =
      find_op<decltype(mixer_backward_on_cpu)>("larkspur::channel_mixer_backward");
  return op;
}

class ChannelMixerFunction : public torch::autograd::Function<ChannelMixerFunction> {
 public:
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context,
                                                const at::Tensor& x_any,
                                                const at::Tensor& u_any,
                                                const at::Tensor& gate_any,
                                                const at::Tensor& keep,
                                                at::TensorList parameters,
                                                double eps) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const at::Tensor u = u_any.contiguous(kLast);
    const at::Tensor gate = gate_any.contiguous();
    const auto factors = static_cast<std::int64_t>(factors_of_autocast());
    const Tensors made =
        mixer_op().call(x_any.contiguous(kLast), u, gate, keep, parameters, eps, factors);
    torch::autograd::variable_list kept{u, gate, keep};
    kept.insert(kept.end(), made.begin() + 1, made.end());
    kept.insert(kept.end(), parameters.begin(), parameters.end());
    context->save_for_backward(kept);
    context->saved_data["eps"] = eps;
    context->saved_data["factors"] = factors;
    const at::Tensor& mean = made[4];
    const at::Tensor& variance = made[5];
    context->mark_non_differentiable({mean, variance});
    context->set_materialize_grads(false);  // theirs would be zeros, filled in vain
    return {made[0], mean, variance};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& outputs) {
    pipeline::require(!at::GradMode::is_enabled(),
                      pipeline::Errc::kUnsupported,
                      "[channel_mixer] second derivatives asked for, only first ones are there");
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const torch::autograd::variable_list kept = context->get_saved_variables();
    const auto all = at::TensorList(kept);
    const at::Tensor dout = outputs[0].contiguous(kLast);
    const Tensors d = mixer_backward_op().call(dout,
                                               kept[0],
                                               kept[1],
                                               kept[2],
                                               all.slice(3, kept.size() - 3 - kParameters),
                                               all.slice(kept.size() - kParameters),
                                               context->saved_data["eps"].toDouble(),
                                               context->saved_data["factors"].toInt());
    torch::autograd::variable_list gradients{dout, d[0], d[1], at::Tensor()};
    gradients.insert(gradients.end(), d.begin() + 2, d.end());
    gradients.emplace_back();  // eps
    return gradients;
  }
};

}  // namespace

TORCH_LIBRARY_FRAGMENT(larkspur, library) {
  library.def(
      "channel_mixer(Tensor x, Tensor u, Tensor gate, Tensor keep, Tensor[] parameters, float eps, "
      "int factors) -> Tensor[]");
  library.def(
      "channel_mixer_backward(Tensor dout, Tensor u, Tensor gate, Tensor keep, Tensor[] saved, "
      "Tensor[] parameters, float eps, int factors) -> Tensor[]");
}
TORCH_LIBRARY_IMPL(larkspur, CPU, library) {
  library.impl("channel_mixer", &mixer_forward_on_cpu);
  library.impl("channel_mixer_backward", &mixer_backward_on_cpu);
}

ChannelMixerResult channel_mixer(const at::Tensor& x_NCDHW,
                                 const at::Tensor& u_NCDHW,
                                 const at::Tensor& gate_NC,
                                 const at::Tensor& keep_N,
                                 const ChannelMixerParameters& p) {
  const std::vector<at::Tensor> parameters{p.widen,
                                           p.widen_bias,
                                           p.grn_gamma,
                                           p.grn_beta,
                                           p.narrow,
                                           p.norm_weight,
                                           p.norm_bias,
                                           p.layer_scale};
  const torch::autograd::variable_list outputs = ChannelMixerFunction::apply(
      x_NCDHW, u_NCDHW, gate_NC, keep_N, at::TensorList(parameters), p.norm_eps);
  return {outputs[0], outputs[1], outputs[2]};
}

at::Tensor channel_mixer_evaluate(const at::Tensor& x_NCDHW,
                                  const at::Tensor& u_NCDHW,
                                  const at::Tensor& gate_NC,
                                  const ChannelMixerParameters& p,
                                  const at::Tensor& scale,
                                  const at::Tensor& shift) {
  pipeline::require(!at::GradMode::is_enabled(),
                    pipeline::Errc::kUnsupported,
                    "[channel_mixer] evaluation where gradients are recorded");
  const at::Tensor x = x_NCDHW.contiguous(kLast);
  const at::Tensor u = u_NCDHW.contiguous(kLast);
  const at::Tensor gate = gate_NC.contiguous();
  const at::Tensor out = at::empty_like(x);
  const at::Tensor beta =
      p.grn_beta.defined() ? p.grn_beta : at::zeros({p.widen.size(0)}, x.options());
  ChannelMixerWeights weights{};
  weights.widen = read(p.widen);
  weights.widen_bias = read(p.widen_bias);
  weights.grn_gamma = read(p.grn_gamma);
  weights.grn_beta = read(beta);
  weights.narrow = read(p.narrow);
  channel_mixer_evaluate_cpu(
      write(out),
      read(x),
      read(u),
      read(gate),
      read(scale),
      read(shift),
      weights,
      mixer_shape_of(u, p.widen, static_cast<std::int64_t>(factors_of_autocast())));
  return out;
}

}  // namespace larkspur::model3d
