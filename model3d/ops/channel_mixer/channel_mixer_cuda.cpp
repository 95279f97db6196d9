// SPDX-License-Identifier: Apache-2.0
// The CUDA twin: products by the library, the passes between them by ours; part of
// liblarkspur_cuda.so only.
#include <vector>

#include <ATen/core/Tensor.h>
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
  Tensors made = mixer_outputs(x, s);
  const at::Tensor t = at::empty({rows, s.channels}, gate.options());
  mixer_gate_cuda(out<float>(t), in<float>(u), call);
  at::Tensor h = made[1].view({rows, s.widened});
  at::mm_out(h, t, parameters[0].t());
  const at::Tensor a = at::empty_like(h);
  mixer_grn_cuda(out<float>(a),
                 out<float>(made[2]),
                 out<float>(room(gate, s.n * s.widened)),
                 out<float>(room(gate, wide_room(call))),
                 in<float>(h),
                 call);
  at::Tensor y = made[3].view({rows, s.channels});
  at::mm_out(y, a, parameters[4].t());
  mixer_residual_cuda(out<float>(made[0]),
                      out<float>(made[4]),
                      out<float>(made[5]),
                      out<float>(room(gate, narrow_room(call))),
                      in<float>(x),
                      in<float>(y),
                      call);
  return made;
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
  const ChannelMixerSaved saved = mixer_saved_of(saved_tensors);
  Tensors d = mixer_gradients(u, gate, parameters);
  const ChannelMixerGradients gradients = mixer_gradients_of(d);
  const at::Tensor dy = at::empty({s.n * s.positions, s.channels}, gate.options());
  const at::Tensor narrow = room(gate, narrow_room(call));
  mixer_norm_backward_cuda(
      out<float>(dy), gradients, out<float>(narrow), in<float>(dout), saved, call);
  const at::Tensor dq = at::mm(dy, parameters[4]);
  const at::Tensor a = at::empty_like(dq);
  const at::Tensor by_sample = at::empty({4, s.n, s.widened}, gate.options());
  const at::Tensor wide = at::empty({2, wide_room(call)}, gate.options());
  const auto part = [](const at::Tensor& of, std::int64_t i) { return out<float>(of[i]); };
  const MixerGrnRoom grn{part(by_sample, 0),
                         part(by_sample, 1),
                         part(by_sample, 2),
                         part(by_sample, 3),
                         part(wide, 0),
                         part(wide, 1)};
  mixer_grn_backward_cuda(out<float>(dq), out<float>(a), grn, saved, call);
  at::mm_out(d[6], dy.t(), a);
  at::Tensor dt = at::mm(dq, parameters[0]);
  mixer_gate_backward_cuda(gradients.u, out<float>(dt), out<float>(narrow), in<float>(u), call);
  at::mm_out(d[2], dq.t(), dt);
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
