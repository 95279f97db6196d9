// SPDX-License-Identifier: Apache-2.0
#include "pipeline/ops/adamw.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

using at::Tensor;

void adamw_on_cpu(const Tensor& value,
                  const Tensor& moment1,
                  const Tensor& moment2,
                  const Tensor& gradient,
                  at::ArrayRef<double> s) {
  adamw_cpu(value.data_ptr<float>(),
            moment1.data_ptr<float>(),
            moment2.data_ptr<float>(),
            gradient.data_ptr<float>(),
            value.numel(),
            unpack_adamw_scalars(s.data()));
}

}  // namespace

TORCH_LIBRARY(larkspur, library) {
  library.def(
      "adamw_(Tensor(a!) value, Tensor(b!) moment1, Tensor(c!) moment2, Tensor gradient, "
      "float[] scalars) -> ()");
}
TORCH_LIBRARY_IMPL(larkspur, CPU, library) { library.impl("adamw_", &adamw_on_cpu); }

void adamw_(const Tensor& value,
            const Tensor& moment1,
            const Tensor& moment2,
            const Tensor& gradient,
            const AdamWScalars& scalars) {
  for (const Tensor* tensor : {&value, &moment1, &moment2, &gradient}) {
    require(tensor->scalar_type() == at::kFloat && tensor->is_contiguous() &&
                tensor->numel() == value.numel() && tensor->device() == value.device(),
            Errc::kInvalidArgument,
            "[adamw] needs contiguous float32 tensors of one length and device, got ",
            tensor->toString(),
            " ",
            tensor->sizes(),
            " beside ",
            value.sizes());
  }
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("larkspur::adamw_", "")
          .typed<void(
              const Tensor&, const Tensor&, const Tensor&, const Tensor&, at::ArrayRef<double>)>();
  op.call(value, moment1, moment2, gradient, pack_adamw_scalars(scalars));
}

}  // namespace larkspur::pipeline
