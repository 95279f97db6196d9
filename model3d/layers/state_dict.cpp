// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/state_dict.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include "pipeline/rng.h"

namespace larkspur::model3d {
namespace {

at::Tensor normal_values(const NamedTensor& entry, pipeline::CounterRng rng) {
  at::Tensor values = at::empty(entry.tensor.sizes(), at::kFloat);
  float* out = values.data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    out[i] = static_cast<float>(entry.deviation * rng.normal());
  }
  return values;
}

}  // namespace

at::Tensor make_parameter(const at::Tensor& values) {
  return values.detach().to(at::kFloat, /*non_blocking=*/false, /*copy=*/true).requires_grad_(true);
}

void draw_weights(const std::vector<NamedTensor>& entries, std::uint64_t seed) {
  const at::NoGradGuard no_grad;
  for (const NamedTensor& entry : entries) {
    if (entry.kind != TensorKind::kDrawn) continue;
    const pipeline::SampleKey key{.seed = seed, .sample = pipeline::name_key(entry.name)};
    entry.tensor.copy_(normal_values(entry, {key, pipeline::Purpose::kWeights}));
  }
}

bool decays(const NamedTensor& entry) {
  return entry.tensor.dim() > 1 && !entry.name.ends_with(".bias");
}

}  // namespace larkspur::model3d
