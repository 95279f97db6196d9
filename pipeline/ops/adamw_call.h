// SPDX-License-Identifier: Apache-2.0
// From the op's tensors and lists to what the kernels take, for every device's entry.
#pragma once

#include <ATen/core/Tensor.h>

#include "pipeline/ops/adamw_kernels.h"

namespace larkspur::pipeline {

inline AdamWCall adamw_call(const at::Tensor& value,
                            const at::Tensor& moment1,
                            const at::Tensor& moment2,
                            const at::Tensor& gradient,
                            const at::Tensor& table,
                            at::ArrayRef<double> scalars,
                            at::ArrayRef<double> rates) {
  AdamWCall call{};
  call.value = value.mutable_data_ptr<float>();
  call.moment1 = moment1.mutable_data_ptr<float>();
  call.moment2 = moment2.mutable_data_ptr<float>();
  call.gradient = gradient.const_data_ptr<float>();
  call.pieces = reinterpret_cast<const AdamWPiece*>(table.const_data_ptr<std::int64_t>());
  call.count = table.size(0);
  call.scalars = unpack_adamw_scalars(scalars.data());
  for (std::size_t group = 0; group < rates.size() / 2; ++group) {
    call.rates[group] = {static_cast<float>(rates[2 * group]),
                         static_cast<float>(rates[2 * group + 1])};
  }
  return call;
}

}  // namespace larkspur::pipeline
