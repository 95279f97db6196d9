// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/channel_mixer/channel_mixer.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model3d/kernels/autocast.h"
#include "model3d/ops/channel_mixer/channel_mixer_kernels.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

constexpr auto kLast = at::MemoryFormat::ChannelsLast3d;
constexpr std::size_t kParameters = 8;

ChannelMixerShape shape_of(const at::Tensor& u, const at::Tensor& widen, FactorType factors) {
  return {u.size(0), u.size(2) * u.size(3) * u.size(4), u.size(1), widen.size(0), factors};
}

const float* read(const at::Tensor& tensor) { return tensor.const_data_ptr<float>(); }
float* write(const at::Tensor& tensor) { return tensor.mutable_data_ptr<float>(); }

/// From tensors in the order of ChannelMixerParameters.
ChannelMixerWeights weights_of(const at::TensorList& tensors, double eps) {
  return {read(tensors[0]),
          read(tensors[1]),
          read(tensors[2]),
          read(tensors[3]),
          read(tensors[4]),
          read(tensors[5]),
          read(tensors[6]),
          read(tensors[7]),
          eps};
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
    const at::Tensor x = x_any.contiguous(kLast);
    const at::Tensor u = u_any.contiguous(kLast);
    const at::Tensor gate = gate_any.contiguous();
    const ChannelMixerShape shape = shape_of(u, parameters[0], factors_of_autocast());
    const at::Tensor h = at::empty({shape.n, shape.positions, shape.widened}, u.options());
    const at::Tensor norms = at::empty({shape.n, shape.widened}, u.options());
    const at::Tensor y = at::empty({shape.n, shape.positions, shape.channels}, u.options());
    const at::Tensor mean = at::empty({shape.channels}, u.options());
    const at::Tensor variance = at::empty({shape.channels}, u.options());
    const at::Tensor out = at::empty_like(x);
    const ChannelMixerSaved saved{write(h), write(norms), write(y), write(mean), write(variance)};
    channel_mixer_forward_cpu(write(out),
                              saved,
                              read(x),
                              read(u),
                              read(gate),
                              read(keep),
                              weights_of(parameters, eps),
                              shape);
    torch::autograd::variable_list kept{u, gate, keep, h, norms, y, mean, variance};
    kept.insert(kept.end(), parameters.begin(), parameters.end());
    context->save_for_backward(kept);
    context->saved_data["eps"] = eps;
    context->saved_data["factors"] = static_cast<std::int64_t>(shape.factors);
    context->mark_non_differentiable({mean, variance});
    return {out, mean, variance};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& outputs) {
    pipeline::require(!at::GradMode::is_enabled(),
                      pipeline::Errc::kUnsupported,
                      "[channel_mixer] second derivatives asked for, only first ones are there");
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const torch::autograd::variable_list kept = context->get_saved_variables();
    const at::TensorList parameters = at::TensorList(kept).slice(kept.size() - kParameters);
    const at::Tensor& u = kept[0];
    const at::Tensor& gate = kept[1];
    const at::Tensor dout = outputs[0].contiguous(kLast);
    const at::Tensor du = at::empty_like(u);
    const at::Tensor dgate = at::empty_like(gate);
    torch::autograd::variable_list d;
    for (const at::Tensor& parameter : parameters) d.push_back(at::empty_like(parameter));
    const ChannelMixerSaved saved{
        write(kept[3]), write(kept[4]), write(kept[5]), write(kept[6]), write(kept[7])};
    channel_mixer_backward_cpu(
        {write(du),
         write(dgate),
         write(d[0]),
         write(d[1]),
         write(d[2]),
         write(d[3]),
         write(d[4]),
         write(d[5]),
         write(d[6]),
         write(d[7])},
        saved,
        read(dout),
        read(u),
        read(gate),
        read(kept[2]),
        weights_of(parameters, context->saved_data["eps"].toDouble()),
        shape_of(u, parameters[0], FactorType(context->saved_data["factors"].toInt())));
    torch::autograd::variable_list gradients{dout, du, dgate, at::Tensor()};
    gradients.insert(gradients.end(), d.begin(), d.end());
    gradients.emplace_back();  // eps
    return gradients;
  }
};

}  // namespace

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
  channel_mixer_evaluate_cpu(write(out),
                             read(x),
                             read(u),
                             read(gate),
                             read(scale),
                             read(shift),
                             weights,
                             shape_of(u, p.widen, factors_of_autocast()));
  return out;
}

}  // namespace larkspur::model3d
