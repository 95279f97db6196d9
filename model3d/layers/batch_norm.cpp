// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/batch_norm.h"

#include <ATen/ops/batch_norm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

namespace larkspur::model3d {

BatchNorm::BatchNorm(std::int64_t channels, double eps)
    : weight_(make_parameter(at::ones({channels}))),
      bias_(make_parameter(at::zeros({channels}))),
      running_mean_(at::zeros({channels})),
      running_var_(at::ones({channels})),
      eps_(eps) {}

at::Tensor BatchNorm::forward(const at::Tensor& x, const Pass& pass) const {
  if (pass.training && pass.how.norms != nullptr) {
    return pass.how.norms->normalise(
        {x, weight_, bias_, running_mean_, running_var_, kNormMomentum, eps_});
  }
  // The unbiased variance of one value is 0 / 0: it must not get into the running statistics.
  const bool single = x.numel() == x.size(1);
  const bool keep = pass.training && single;
  return at::batch_norm(x,
                        weight_,
                        bias_,
                        keep ? at::Tensor() : running_mean_,
                        keep ? at::Tensor() : running_var_,
                        pass.training,
                        kNormMomentum,
                        eps_,
                        /*cudnn_enabled=*/false);
}

void BatchNorm::add_running_steps(std::vector<RunningStep>& steps,
                                  const at::Tensor& mean,
                                  const at::Tensor& variance,
                                  std::int64_t values) const {
  const double unbiased = static_cast<double>(values) / static_cast<double>(values - 1);
  steps.push_back({running_mean_, mean, kNormMomentum});
  steps.push_back({running_var_, variance, kNormMomentum * unbiased});
}

void BatchNorm::add_to(const StateDict& state) const {
  state.constant("weight", weight_);
  state.constant("bias", bias_);
  state.statistic("running_mean", running_mean_);
  state.statistic("running_var", running_var_);
}

ChannelAffine BatchNorm::affine() const {
  return affine_of({weight_, bias_, running_mean_, running_var_, eps_});
}

}  // namespace larkspur::model3d
