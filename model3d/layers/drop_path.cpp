// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/drop_path.h"

#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>

#include "pipeline/require.h"

namespace larkspur::model3d {

bool DropPath::skips(const Pass& pass) const {
  return pass.training && pass.how.random_depth && rate > 0.0;
}

at::Tensor DropPath::factors(std::int64_t samples, const Pass& pass, bool pinned) const {
  if (!skips(pass)) return at::ones({samples}, at::kFloat);
  pipeline::require(samples == static_cast<std::int64_t>(pass.keys.size()),
                    pipeline::Errc::kInvalidArgument,
                    "[drop_path] ",
                    pass.keys.size(),
                    " keys for ",
                    samples,
                    " samples");
  // Page-locked for a GPU: its copy then runs behind the caller's back.
  at::Tensor factors = at::empty({samples}, at::TensorOptions(at::kFloat).pinned_memory(pinned));
  for (std::int64_t i = 0; i < samples; ++i) {
    pipeline::CounterRng rng(
        pass.keys[static_cast<std::size_t>(i)], pipeline::Purpose::kDropPath, block);
    const bool kept = rng.uniform() >= rate;
    factors.data_ptr<float>()[i] = kept ? static_cast<float>(1.0 / (1.0 - rate)) : 0.0F;
  }
  return factors;
}

at::Tensor DropPath::forward(const at::Tensor& x, const Pass& pass) const {
  if (!skips(pass)) return x;
  std::vector<std::int64_t> per_sample(static_cast<std::size_t>(x.dim()), 1);
  per_sample[0] = x.size(0);
  return x * factors(x.size(0), pass, /*pinned=*/x.is_cuda())
                 .view(per_sample)
                 .to(x.options(), /*non_blocking=*/true);
}

}  // namespace larkspur::model3d
