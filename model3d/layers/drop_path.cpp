// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/drop_path.h"

#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>

#include "pipeline/require.h"

namespace larkspur::model3d {

at::Tensor DropPath::forward(const at::Tensor& x, const Pass& pass) const {
  if (!pass.training || !pass.how.random_depth || rate == 0.0) return x;
  const auto samples = static_cast<std::int64_t>(pass.keys.size());
  pipeline::require(samples == x.size(0),
                    pipeline::Errc::kInvalidArgument,
                    "[drop_path] ",
                    samples,
                    " keys for ",
                    x.size(0),
                    " samples");
  std::vector<std::int64_t> per_sample(static_cast<std::size_t>(x.dim()), 1);
  per_sample[0] = samples;
  at::Tensor factors = at::empty(per_sample, at::kFloat);
  for (std::int64_t i = 0; i < samples; ++i) {
    pipeline::CounterRng rng(
        pass.keys[static_cast<std::size_t>(i)], pipeline::Purpose::kDropPath, block);
    const bool kept = rng.uniform() >= rate;
    factors.data_ptr<float>()[i] = kept ? static_cast<float>(1.0 / (1.0 - rate)) : 0.0F;
  }
  // A handful of values from pageable memory: CUDA has taken its copy when this returns.
  return x * factors.to(x.options(), /*non_blocking=*/true);
}

}  // namespace larkspur::model3d
