// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/drop_path.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>

#include "pipeline/placement.h"
#include "pipeline/require.h"

namespace larkspur::model3d {

bool DropPath::skips(const Pass& pass) const {
  return pass.training && pass.how.random_depth && rate > 0.0;
}

void DropPath::write_factors(float* to, std::int64_t samples, const Pass& pass) const {
  std::fill_n(to, samples, 1.0F);
  if (!skips(pass)) return;
  pipeline::require(samples == static_cast<std::int64_t>(pass.keys.size()),
                    pipeline::Errc::kInvalidArgument,
                    "[drop_path] ",
                    pass.keys.size(),
                    " keys for ",
                    samples,
                    " samples");
  for (std::int64_t i = 0; i < samples; ++i) {
    pipeline::CounterRng rng(
        pass.keys[static_cast<std::size_t>(i)], pipeline::Purpose::kDropPath, block);
    const bool kept = rng.uniform() >= rate;
    to[i] = kept ? static_cast<float>(1.0 / (1.0 - rate)) : 0.0F;
  }
}

at::Tensor DropPath::factors(const at::Tensor& x, const Pass& pass) const {
  if (pass.drop_path_factors != nullptr) return (*pass.drop_path_factors)[block];
  return drop_path_factors({*this}, x, pass).front();
}

at::Tensor DropPath::forward(const at::Tensor& x, const Pass& pass) const {
  if (!skips(pass)) return x;
  std::vector<std::int64_t> per_sample(static_cast<std::size_t>(x.dim()), 1);
  per_sample[0] = x.size(0);
  return x * factors(x, pass).view(per_sample).to(x.scalar_type());
}

std::vector<at::Tensor> drop_path_factors(const std::vector<DropPath>& blocks,
                                          const at::Tensor& x,
                                          const Pass& pass) {
  const std::int64_t samples = x.size(0);
  // Page-locked for a GPU: its copy then runs behind the caller's back.
  const at::Tensor host = at::empty({static_cast<std::int64_t>(blocks.size()), samples},
                                    at::TensorOptions(at::kFloat).pinned_memory(x.is_cuda()));
  auto* to = host.mutable_data_ptr<float>();
  for (const DropPath& block : blocks) {
    block.write_factors(to, samples, pass);
    to += samples;
  }
  return pipeline::to_device(host, x.device()).unbind();
}

}  // namespace larkspur::model3d
