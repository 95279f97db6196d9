// SPDX-License-Identifier: Apache-2.0
#include "distributed/flat_sums.h"

#include <cstring>

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

namespace larkspur::distributed {
namespace {

void add_on_host(float* __restrict sum, const float* __restrict summand, std::int64_t count) {
  for (std::int64_t index = 0; index < count; ++index) sum[index] += summand[index];
}

at::Tensor view(const float* values, std::int64_t count, c10::Device device) {
  auto* data = const_cast<float*>(values);  // for_blob takes no const; summands are only read
  return at::for_blob(data, {count})
      .options(at::TensorOptions().dtype(at::kFloat).device(device))
      .target_device(device)
      .make_tensor();
}

}  // namespace

void FlatSums::copy(float* to, const float* from, std::int64_t count) const {
  if (device_.is_cpu()) {
    std::memcpy(to, from, sizeof(float) * static_cast<std::size_t>(count));
  } else {
    const at::Tensor target = view(to, count, device_);
    target.copy_(view(from, count, device_));
  }
}

void FlatSums::add(float* sum, const float* summand, std::int64_t count) const {
  if (device_.is_cpu()) {
    add_on_host(sum, summand, count);
  } else {
    const at::Tensor target = view(sum, count, device_);
    target.add_(view(summand, count, device_));
  }
}

}  // namespace larkspur::distributed
