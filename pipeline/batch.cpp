// SPDX-License-Identifier: Apache-2.0
#include "pipeline/batch.h"

#include <algorithm>
#include <utility>

#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

void require_alike(const Inputs& own, const Inputs& first, std::size_t i) {
  require(
      std::ranges::equal(own, first, {}, &Input::name, &Input::name),
      Errc::kInvalidArgument,
      "[collate] sample ",
      i,
      " has ",
      [&] { return own.names(); },
      ", the first ",
      [&] { return first.names(); });
  for (const Input& input : own) {
    require(input.tensor.sizes() == first[input.name].sizes(),
            Errc::kInvalidArgument,
            "[collate] ",
            input.name,
            " of sample ",
            i,
            " has shape ",
            input.tensor.sizes(),
            ", of the first ",
            first[input.name].sizes());
  }
}

Inputs stack_inputs(const std::vector<Sample>& samples) {
  Inputs stacked;
  if (samples.empty()) return stacked;
  const Inputs& first = samples.front().inputs;
  for (std::size_t i = 0; i < samples.size(); ++i) require_alike(samples[i].inputs, first, i);
  for (const Input& input : first) {
    std::vector<at::Tensor> tensors;
    for (const Sample& sample : samples) tensors.push_back(sample.inputs[input.name]);
    stacked[input.name] = at::stack(tensors);
  }
  return stacked;
}

/// [N] where every sample has one label, else [N, most].
at::Tensor stack_labels(const std::vector<Sample>& samples) {
  std::size_t most = 1;
  for (const Sample& sample : samples) most = std::max(most, sample.labels.size());
  const auto rows = std::ssize(samples);
  const auto columns = static_cast<std::int64_t>(most);
  const at::Tensor labels = at::full({rows, columns}, kNoLabel, at::kLong);
  for (std::int64_t i = 0; i < rows; ++i) {
    const std::vector<std::int64_t>& own = samples[static_cast<std::size_t>(i)].labels;
    std::copy(own.begin(), own.end(), labels.data_ptr<std::int64_t>() + i * columns);
  }
  return most == 1 ? labels.view({rows}) : labels;
}

}  // namespace

Batch collate(const std::vector<Sample>& samples,
              std::vector<SampleKey> keys,
              std::vector<BadSample> bad,
              std::int64_t views) {
  require(samples.size() == keys.size(),
          Errc::kInvalidArgument,
          "[collate] ",
          samples.size(),
          " samples, ",
          keys.size(),
          " keys");
  Batch batch;
  batch.nominal = std::ssize(samples) + std::ssize(bad) * views;
  batch.keys = std::move(keys);
  batch.bad = std::move(bad);
  batch.labels = stack_labels(samples);
  batch.inputs = stack_inputs(samples);
  return batch;
}

Batch rows_of(const Batch& batch, std::int64_t begin, std::int64_t end) {
  Batch rows = with_tensors(
      batch, [&](const at::Tensor& tensor) { return tensor.narrow(0, begin, end - begin); });
  rows.keys.assign(batch.keys.begin() + begin, batch.keys.begin() + end);
  rows.bad.clear();
  rows.nominal = end - begin;
  return rows;
}

Batch with_tensors(const Batch& batch, const std::function<at::Tensor(const at::Tensor&)>& change) {
  Batch changed = batch;
  const auto apply = [&](at::Tensor& tensor) {
    if (tensor.defined()) tensor = change(tensor);
  };
  for (Input& input : changed.inputs) apply(input.tensor);
  apply(changed.labels);
  apply(changed.partner_labels);
  apply(changed.own_share);
  return changed;
}

}  // namespace larkspur::pipeline
