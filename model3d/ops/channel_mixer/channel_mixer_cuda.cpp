// SPDX-License-Identifier: Apache-2.0
// The CUDA twin: products by the library, the passes between them by ours; part of
// liblarkspur_cuda.so only.
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <c10/core/DeviceGuard.h>
#include <torch/library.h>

#include "model3d/kernels/cuda_tensors.h"
#include "model3d/ops/channel_mixer/channel_mixer_passes.h"
#include "model3d/ops/channel_mixer/channel_mixer_tensors.h"

namespace larkspur::model3d {
namespace {

using Tensors = std::vector<at::Tensor>;

MixerCall mixer_call(const at::Tensor& u,
                     const at::Tensor& gate,
                     const at::Tensor& keep,
                     at::TensorList parameters,
                     double eps,
                     std::int64_t factors) {
  return {mixer_shape_of(u, parameters[0], factors),
          mixer_weights_of(parameters, eps),
          in<float>(gate),
          in<float>(keep),
          stream_of(u)};
}

at::Tensor room(const at::Tensor& like, std::int64_t floats) {
  return at::empty({floats}, like.options());
}

/// The factors of products: the weights themselves, or rounded to the type of the maps.
struct ProductWeights {
  at::Tensor widen, narrow;
};

/// What forward leaves behind the rest, where they are not the weights themselves.
ProductWeights left_weights(at::TensorList saved, at::TensorList parameters) {
  constexpr std::size_t kOthers = 5;
  if (saved.size() == kOthers) return {parameters[0], parameters[4]};
  return {saved[kOthers], saved[kOthers + 1]};
}

Tensors mixer_forward_on_cuda(const at::Tensor& x,
                              const at::Tensor& u,
                              const at::Tensor& gate,
                              const at::Tensor& keep,
                              at::TensorList parameters,
                              double eps,
                              std::int64_t factors) {
  const c10::DeviceGuard guard(u.device());
  const MixerCall call = mixer_call(u, gate, keep, parameters, eps, factors);
  const ChannelMixerShape& s = call.shape;
  const std::int64_t rows = s.n * s.positions;
  const ProductWeights weights{parameters[0].to(u.scalar_type()),
                               parameters[4].to(u.scalar_type())};
  Tensors made = mixer_outputs(x, u, s);
  const at::Tensor t = at::empty({rows, s.channels}, u.options());
  at::Tensor h = made[1].view({rows, s.widened});
  at::Tensor y = made[3].view({rows, s.channels});
  with_cuda_type("channel_mixer", u, [&](auto type) {
    using T = decltype(type);
    mixer_gate_cuda(out<T>(t), in<T>(u), call);
    at::mm_out(h, t, weights.widen.t());
    const at::Tensor a = at::empty_like(h);
    mixer_grn_cuda(out<T>(a),
                   out<float>(made[2]),
                   out<float>(room(gate, s.n * s.widened)),
                   out<float>(room(gate, wide_room(call))),
                   in<T>(h),
                   call);
    at::mm_out(y, a, weights.narrow.t());
    mixer_residual_cuda(out<float>(made[0]),
                        out<float>(made[4]),
                        out<float>(made[5]),
                        out<float>(room(gate, narrow_room(call))),
                        in<float>(x),
                        in<T>(y),
                        call);
  });
  if (u.scalar_type() != at::kFloat) made.insert(made.end(), {weights.widen, weights.narrow});
  return made;
}

template <typename T>
MixerSaved<T> saved_of(at::TensorList saved) {
  return {in<T>(saved[0]),
          in<float>(saved[1]),
          in<T>(saved[2]),
          in<float>(saved[3]),
          in<float>(saved[4])};
}

/// to = left * right, which may be of fewer bits.
void product(at::Tensor& to, const at::Tensor& left, const at::Tensor& right) {
  if (to.scalar_type() == left.scalar_type()) {
    at::mm_out(to, left, right);
  } else {
    to.copy_(at::mm(left, right));
  }
}

Tensors mixer_backward_on_cuda(const at::Tensor& dout,
                               const at::Tensor& u,
                               const at::Tensor& gate,
                               const at::Tensor& keep,
                               at::TensorList saved_tensors,
                               at::TensorList parameters,
                               double eps,
                               std::int64_t factors) {
  const c10::DeviceGuard guard(u.device());
  const MixerCall call = mixer_call(u, gate, keep, parameters, eps, factors);
  const ChannelMixerShape& s = call.shape;
  const ProductWeights weights = left_weights(saved_tensors, parameters);
  Tensors d = mixer_gradients(u, gate, parameters);
  const ChannelMixerGradients gradients = mixer_gradients_of(d);
  const at::Tensor dy = at::empty({s.n * s.positions, s.channels}, u.options());
  const at::Tensor narrow = room(gate, narrow_room(call));
  const at::Tensor by_sample = at::empty({4, s.n, s.widened}, gate.options());
  const at::Tensor wide = at::empty({2, wide_room(call)}, gate.options());
  const auto part = [](const at::Tensor& of, std::int64_t i) { return out<float>(of[i]); };
  const MixerGrnRoom grn{part(by_sample, 0),
                         part(by_sample, 1),
                         part(by_sample, 2),
                         part(by_sample, 3),
                         part(wide, 0),
                         part(wide, 1)};
  with_cuda_type("channel_mixer", u, [&](auto type) {
    using T = decltype(type);
    const MixerSaved<T> saved = saved_of<T>(saved_tensors);
    mixer_norm_backward_cuda(
        out<T>(dy), gradients, out<float>(narrow), in<float>(dout), saved, call);
    const at::Tensor dq = at::mm(dy, weights.narrow);
    const at::Tensor a = at::empty_like(dq);
    mixer_grn_backward_cuda(out<T>(dq), out<T>(a), grn, saved, call);
    product(d[6], dy.t(), a);
    const at::Tensor dt = at::mm(dq, weights.widen);
    mixer_gate_backward_cuda(out<T>(d[0]), out<T>(dt), out<float>(narrow), in<T>(u), call);
    product(d[2], dq.t(), dt);
  });
  mixer_finish_cuda(gradients, grn, out<float>(narrow), call);
  return d;
}

}  // namespace

void add_channel_mixer_on_cuda(torch::Library& library) {
  library.impl("channel_mixer", &mixer_forward_on_cuda);
  library.impl("channel_mixer_backward", &mixer_backward_on_cuda);
}

TORCH_LIBRARY_IMPL(larkspur, CUDA, library) { add_channel_mixer_on_cuda(library); }

}  // namespace larkspur::model3d
