// SPDX-License-Identifier: Apache-2.0
// Registers the CUDA twin; part of liblarkspur_cuda.so only.
#include <tuple>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/DeviceGuard.h>
#include <torch/library.h>

#include "model3d/kernels/cuda_tensors.h"
#include "model3d/ops/excite_gate/excite_gate_kernels.h"

namespace larkspur::model3d {
namespace {

ExciteGateCall gate_call(const at::Tensor& means,
                         const at::Tensor& gate,
                         const at::Tensor& inner,
                         const at::Tensor& down,
                         const at::Tensor& up) {
  return {means.size(0),
          means.size(1),
          inner.size(1),
          in<float>(means),
          in<float>(down),
          in<float>(up),
          out<float>(inner),
          out<float>(gate)};
}

std::tuple<at::Tensor, at::Tensor> gate_on_cuda(const at::Tensor& means,
                                                const at::Tensor& down,
                                                const at::Tensor& down_bias,
                                                const at::Tensor& up,
                                                const at::Tensor& up_bias) {
  const c10::DeviceGuard guard(means.device());
  const at::Tensor gate = at::empty_like(means);
  const at::Tensor inner = at::empty({means.size(0), down.size(0)}, means.options());
  excite_gate_forward_cuda(gate_call(means, gate, inner, down, up),
                           in<float>(down_bias),
                           in<float>(up_bias),
                           stream_of(means));
  return {gate, inner};
}

std::vector<at::Tensor> gate_backward_on_cuda(const at::Tensor& dgate,
                                              const at::Tensor& means,
                                              const at::Tensor& gate,
                                              const at::Tensor& inner,
                                              const at::Tensor& down,
                                              const at::Tensor& up) {
  const c10::DeviceGuard guard(means.device());
  const ExciteGateCall call = gate_call(means, gate, inner, down, up);
  std::vector<at::Tensor> d{at::empty_like(means),
                            at::empty_like(down),
                            at::empty({call.squeezed}, means.options()),
                            at::empty_like(up),
                            at::empty({call.channels}, means.options())};
  const at::Tensor of_up = at::empty_like(means);
  const at::Tensor of_down = at::empty_like(inner);
  excite_gate_backward_cuda(
      {out<float>(d[0]), out<float>(d[1]), out<float>(d[2]), out<float>(d[3]), out<float>(d[4])},
      out<float>(of_up),
      out<float>(of_down),
      in<float>(dgate),
      call,
      stream_of(means));
  return d;
}

}  // namespace

void add_excite_gate_on_cuda(torch::Library& library) {
  library.impl("excite_gate", &gate_on_cuda);
  library.impl("excite_gate_backward", &gate_backward_on_cuda);
}

TORCH_LIBRARY_IMPL(larkspur, CUDA, library) { add_excite_gate_on_cuda(library); }

}  // namespace larkspur::model3d
