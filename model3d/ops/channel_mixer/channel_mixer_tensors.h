// SPDX-License-Identifier: Apache-2.0
// From tensors to the sizes and pointers of the passes, for every device's entries.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "model3d/ops/channel_mixer/channel_mixer_kernels.h"

namespace larkspur::model3d {

inline ChannelMixerShape mixer_shape_of(const at::Tensor& u,
                                        const at::Tensor& widen,
                                        std::int64_t factors) {
  return {u.size(0),
          u.size(2) * u.size(3) * u.size(4),
          u.size(1),
          widen.size(0),
          static_cast<FactorType>(factors)};
}

/// From tensors in the order of ChannelMixerParameters.
inline ChannelMixerWeights mixer_weights_of(at::TensorList tensors, double eps) {
  const auto read = [&](std::size_t i) { return tensors[i].const_data_ptr<float>(); };
  return {read(0), read(1), read(2), read(3), read(4), read(5), read(6), read(7), eps};
}

/// Unwritten: out, then what forward leaves for backward: h, norms, y, mean, variance. h and y are
/// of u's type.
inline std::vector<at::Tensor> mixer_outputs(const at::Tensor& x,
                                             const at::Tensor& u,
                                             const ChannelMixerShape& s) {
  const auto options = x.options();
  return {at::empty_like(x),
          at::empty({s.n, s.positions, s.widened}, u.options()),
          at::empty({s.n, s.widened}, options),
          at::empty({s.n, s.positions, s.channels}, u.options()),
          at::empty({s.channels}, options),
          at::empty({s.channels}, options)};
}

inline ChannelMixerSaved mixer_saved_of(at::TensorList saved) {
  const auto at = [&](std::size_t i) { return saved[i].mutable_data_ptr<float>(); };
  return {at(0), at(1), at(2), at(3), at(4)};
}

/// Unwritten: those of u, gate and the parameters.
inline std::vector<at::Tensor> mixer_gradients(const at::Tensor& u,
                                               const at::Tensor& gate,
                                               at::TensorList parameters) {
  std::vector<at::Tensor> d{at::empty_like(u), at::empty_like(gate)};
  for (const at::Tensor& parameter : parameters) d.push_back(at::empty_like(parameter));
  return d;
}

/// Without that of u in 16 bits.
inline ChannelMixerGradients mixer_gradients_of(at::TensorList d) {
  const auto at = [&](std::size_t i) { return d[i].mutable_data_ptr<float>(); };
  return {d[0].scalar_type() == at::kFloat ? at(0) : nullptr,
          at(1),
          at(2),
          at(3),
          at(4),
          at(5),
          at(6),
          at(7),
          at(8),
          at(9)};
}

}  // namespace larkspur::model3d
