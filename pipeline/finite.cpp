// SPDX-License-Identifier: Apache-2.0
#include "pipeline/finite.h"

#include <ATen/ops/isfinite.h>

namespace larkspur::pipeline {

std::optional<std::int64_t> first_not_finite(const at::Tensor& values) {
  const at::Tensor finite = at::isfinite(values.detach());
  if (finite.all().item<bool>()) return std::nullopt;
  return finite.flatten().logical_not().to(at::kByte).argmax().item<std::int64_t>();
}

}  // namespace larkspur::pipeline
