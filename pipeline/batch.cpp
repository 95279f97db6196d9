// SPDX-License-Identifier: Apache-2.0
#include "pipeline/batch.h"

#include <utility>

#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

#include "pipeline/require.h"

namespace larkspur::pipeline {

Batch collate(const std::vector<Sample>& samples,
              std::vector<SampleKey> keys,
              std::vector<BadSample> bad) {
  require(samples.size() == keys.size(),
          Errc::kInvalidArgument,
          "[collate] ",
          samples.size(),
          " samples, ",
          keys.size(),
          " keys");
  Batch batch;
  batch.nominal = static_cast<std::int64_t>(samples.size() + bad.size());
  batch.keys = std::move(keys);
  batch.bad = std::move(bad);
  batch.labels = at::empty({batch.size()}, at::kLong);
  if (samples.empty()) return batch;
  std::vector<at::Tensor> inputs;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    require(samples[i].input.sizes() == samples[0].input.sizes(),
            Errc::kInvalidArgument,
            "[collate] sample ",
            i,
            " has shape ",
            samples[i].input.sizes(),
            ", the first ",
            samples[0].input.sizes());
    inputs.push_back(samples[i].input);
    batch.labels.data_ptr<std::int64_t>()[i] = samples[i].label;
  }
  batch.input = at::stack(inputs);
  return batch;
}

}  // namespace larkspur::pipeline
