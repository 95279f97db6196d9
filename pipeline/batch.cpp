// SPDX-License-Identifier: Apache-2.0
#include "pipeline/batch.h"

#include <utility>

#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

/// One of the inputs of all samples as [N, ...]; undefined where the first sample has none.
at::Tensor stack_inputs(const std::vector<Sample>& samples,
                        at::Tensor Sample::*input,
                        const char* what) {
  std::vector<at::Tensor> inputs;
  const at::Tensor& first = samples.front().*input;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const at::Tensor& own = samples[i].*input;
    require(own.defined() == first.defined(),
            Errc::kInvalidArgument,
            "[collate] of sample ",
            i,
            " and the first only one has a ",
            what);
    if (!own.defined()) continue;
    require(own.sizes() == first.sizes(),
            Errc::kInvalidArgument,
            "[collate] ",
            what,
            " of sample ",
            i,
            " has shape ",
            own.sizes(),
            ", of the first ",
            first.sizes());
    inputs.push_back(own);
  }
  return inputs.empty() ? at::Tensor() : at::stack(inputs);
}

}  // namespace

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
  for (std::size_t i = 0; i < samples.size(); ++i) {
    batch.labels.data_ptr<std::int64_t>()[i] = samples[i].label;
  }
  batch.input = stack_inputs(samples, &Sample::input, "input");
  batch.second_input = stack_inputs(samples, &Sample::second_input, "second input");
  return batch;
}

}  // namespace larkspur::pipeline
