// SPDX-License-Identifier: Apache-2.0
#include "pipeline/finite.h"

#include <bit>

#include <ATen/ops/isfinite.h>

namespace larkspur::pipeline {

namespace {

/// An exponent of ones is one of an infinity or of no number.
bool are_finite(const float* values, std::int64_t count) {
  constexpr std::uint32_t kExponent = 0x7F800000U;
  std::uint32_t found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(values[i]);
    found |= static_cast<std::uint32_t>((bits & kExponent) == kExponent);
  }
  return found == 0;
}

}  // namespace

std::optional<std::int64_t> first_not_finite(const at::Tensor& values) {
  // In one pass without memory: all of a state is asked at every save and load.
  const bool is_plain =
      values.is_cpu() && values.is_contiguous() && values.scalar_type() == at::kFloat;
  if (is_plain && are_finite(values.const_data_ptr<float>(), values.numel())) return std::nullopt;
  const at::Tensor finite = at::isfinite(values.detach());
  if (finite.all().item<bool>()) return std::nullopt;
  return finite.flatten().logical_not().to(at::kByte).argmax().item<std::int64_t>();
}

}  // namespace larkspur::pipeline
