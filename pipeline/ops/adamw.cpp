// SPDX-License-Identifier: Apache-2.0
#include "pipeline/ops/adamw.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/from_blob.h>
#include <torch/library.h>

#include "pipeline/ops/adamw_call.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

using at::Tensor;

static_assert(sizeof(AdamWPiece) == 4 * sizeof(std::int64_t), "a piece is a row of the table");

void adamw_on_cpu(const Tensor& value,
                  const Tensor& moment1,
                  const Tensor& moment2,
                  const Tensor& gradient,
                  const Tensor& table,
                  at::ArrayRef<double> scalars,
                  at::ArrayRef<double> rates) {
  adamw_cpu(adamw_call(value, moment1, moment2, gradient, table, scalars, rates));
}

}  // namespace

TORCH_LIBRARY(larkspur, library) {
  library.def(
      "adamw_(Tensor(a!) value, Tensor(b!) moment1, Tensor(c!) moment2, Tensor gradient, "
      "Tensor table, float[] scalars, float[] rates) -> ()");
}
TORCH_LIBRARY_IMPL(larkspur, CPU, library) { library.impl("adamw_", &adamw_on_cpu); }

at::Tensor adamw_table(const std::vector<AdamWPiece>& pieces, at::Device device) {
  const auto rows = static_cast<std::int64_t>(pieces.size());
  auto* memory = const_cast<AdamWPiece*>(pieces.data());  // for_blob takes no const; it is copied
  const auto options = at::TensorOptions(at::kLong);
  return at::from_blob(memory, {rows, 4}, options).clone().to(device);
}

void adamw_(const AdamWTensors& t,
            const at::Tensor& table,
            const AdamWScalars& scalars,
            const std::vector<AdamWRates>& rates) {
  for (const Tensor* tensor : {&t.value, &t.moment1, &t.moment2, &t.gradient}) {
    require(tensor->scalar_type() == at::kFloat && tensor->is_contiguous() &&
                tensor->device() == table.device(),
            Errc::kInvalidArgument,
            "[adamw] needs contiguous float32 tensors on ",
            table.device(),
            ", got ",
            tensor->toString());
  }
  require(rates.size() <= kAdamWMostGroups,
          Errc::kInvalidArgument,
          "[adamw] ",
          rates.size(),
          " groups of parameters, at most ",
          kAdamWMostGroups);
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("larkspur::adamw_", "")
                             .typed<decltype(adamw_on_cpu)>();
  std::vector<double> packed;
  for (const AdamWRates& rate : rates) {
    packed.insert(packed.end(), {rate.step_size, rate.decay});
  }
  op.call(t.value, t.moment1, t.moment2, t.gradient, table, pack_adamw_scalars(scalars), packed);
}

}  // namespace larkspur::pipeline
