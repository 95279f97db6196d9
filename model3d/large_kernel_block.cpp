// SPDX-License-Identifier: Apache-2.0
#include "model3d/large_kernel_block.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>

#include "model3d/depthwise/fused_depthwise.h"
#include "model3d/depthwise/make_depthwise.h"
#include "model3d/layers/cpu_ops.h"

namespace larkspur::model3d {

LargeKernelBlock::LargeKernelBlock(const LargeKernelBlockOptions& options)
    : depthwise_(make_depthwise(
          {options.channels, options.taps, options.time_padding, options.separable_time})),
      norm_(options.channels),
      squeeze_excite_(options.channels, options.channels / kSqueeze),
      widen_(options.channels, kWiden * options.channels),
      grn_(kWiden * options.channels),
      narrow_(kWiden * options.channels, options.channels, Bias::kNone),
      last_norm_(options.channels),
      layer_scale_(std::in_place, options.channels, options.layer_scale),
      drop_path_(options.drop_path) {}

at::Tensor LargeKernelBlock::mix_space(const at::Tensor& x_NCDHW, const Pass& pass) const {
  at::Tensor y = depthwise_->forward(x_NCDHW, pass);
  if (norm_) y = norm_->forward(y, pass);
  return squeeze_excite_.forward(y);
}

at::Tensor LargeKernelBlock::mix_channels(const at::Tensor& x_NDHWC) const {
  return narrow_.forward(grn_.forward(at::gelu(widen_.forward(x_NDHWC))));
}

at::Tensor LargeKernelBlock::forward(const at::Tensor& x_NCDHW, const Pass& pass) const {
  const bool can = can_fuse(*depthwise_);
  if (can && !pass.training && !at::GradMode::is_enabled() &&
      cpu_ops_take(x_NCDHW, widen_.weight())) {
    return evaluate_fused(x_NCDHW);
  }
  const bool several_values = x_NCDHW.numel() > x_NCDHW.size(1);
  if (can && norm_ && pass.training && pass.how.norms == nullptr && several_values &&
      twin_ops_take(x_NCDHW, widen_.weight())) {
    return train_fused(x_NCDHW, pass);
  }
  at::Tensor y = mix_channels(mix_space(x_NCDHW, pass).movedim(1, -1)).movedim(-1, 1);
  if (last_norm_) y = last_norm_->forward(y, pass);
  if (layer_scale_) y = layer_scale_->forward(y);
  return x_NCDHW + drop_path_.forward(y, pass);
}

ChannelMixerParameters LargeKernelBlock::mixer_parameters() const {
  ChannelMixerParameters parameters;
  parameters.widen = widen_.weight();
  parameters.widen_bias = widen_.bias();
  parameters.grn_gamma = grn_.gamma();
  parameters.grn_beta = grn_.beta();
  parameters.narrow = narrow_.weight();
  if (last_norm_) {
    parameters.norm_weight = last_norm_->weight();
    parameters.norm_bias = last_norm_->bias();
    parameters.norm_eps = last_norm_->eps();
  }
  if (layer_scale_) parameters.layer_scale = layer_scale_->gamma();
  return parameters;
}

at::Tensor LargeKernelBlock::train_fused(const at::Tensor& x_NCDHW, const Pass& pass) const {
  std::vector<RunningStep> own_steps;
  std::vector<RunningStep>& steps = pass.running != nullptr ? *pass.running : own_steps;
  const NormedMap mixed = fused_depthwise(*depthwise_, *norm_, twin_map(x_NCDHW), steps);
  const ChannelMixerResult result = channel_mixer(x_NCDHW,
                                                  mixed.u,
                                                  squeeze_excite_.gate(mixed.means_NC),
                                                  drop_path_.factors(x_NCDHW, pass),
                                                  mixer_parameters());
  last_norm_->add_running_steps(
      steps, result.mean, result.variance, x_NCDHW.numel() / x_NCDHW.size(1));
  step_running_moments(own_steps, 1.0 - kNormMomentum);
  return result.out;
}

at::Tensor LargeKernelBlock::evaluate_fused(const at::Tensor& x_NCDHW) const {
  const NormedMap mixed = evaluate_fused_depthwise(*depthwise_, norm_ ? &*norm_ : nullptr, x_NCDHW);
  at::Tensor scale = at::ones({x_NCDHW.size(1)});
  at::Tensor shift = narrow_.bias();
  if (last_norm_) {
    const ChannelAffine norm = last_norm_->affine();
    const at::Tensor factor = layer_scale_->affine().scale;
    scale = (norm.scale * factor).to(at::kFloat);
    shift = (norm.shift * factor).to(at::kFloat);
  }
  return channel_mixer_evaluate(
      x_NCDHW, mixed.u, squeeze_excite_.gate(mixed.means_NC), mixer_parameters(), scale, shift);
}

void LargeKernelBlock::add_to(const StateDict& state) const {
  depthwise_->add_to(state.under("dwconv"));
  if (norm_) norm_->add_to(state.under("norm"));
  squeeze_excite_.add_to(state.under("se"));
  widen_.add_to(state.under("pwconv1.1"));
  grn_.add_to(state.under("act.1"));
  narrow_.add_to(state.under("pwconv2.0"));
  if (last_norm_) last_norm_->add_to(state.under("pwconv2.2"));
  if (layer_scale_) layer_scale_->add_to(state);
}

void LargeKernelBlock::merge() {
  if (!norm_) return;
  depthwise_->merge(norm_->affine());
  BiasedWeight narrow = narrow_.biased_weight();
  narrow.bias = narrow.bias + at::matmul(narrow.weight, grn_.take_beta());
  narrow_.adopt(fold(fold(narrow, last_norm_->affine()), layer_scale_->affine()));
  norm_.reset();
  last_norm_.reset();
  layer_scale_.reset();
}

}  // namespace larkspur::model3d
