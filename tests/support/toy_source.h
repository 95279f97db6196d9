// SPDX-License-Identifier: Apache-2.0
// A source without files: sample i is drawn from its key, its label is i mod classes; chosen ones
// cannot be read. The input leans towards its class, so that a small model can learn it.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include "pipeline/sample_source.h"

namespace larkspur::testing {

class ToySource : public pipeline::SampleSource {
 public:
  ToySource(std::int64_t size, std::vector<std::int64_t> shape, std::int64_t classes)
      : size_(size), shape_(std::move(shape)), classes_(classes) {}

  /// Sample `id` fails with this code from now on.
  void spoil(std::int64_t id, pipeline::Errc code) { spoiled_[id] = code; }

  std::int64_t size() const override { return size_; }
  std::string name(std::int64_t id) const override { return "toy/" + std::to_string(id); }
  std::int64_t label(std::int64_t id) const override { return id % classes_; }

  /// One view, drawn from its key.
  pipeline::Result<pipeline::Sample> draw(const pipeline::SampleKey& key) const {
    const auto spoiled = spoiled_.find(key.sample);
    if (spoiled != spoiled_.end()) {
      return pipeline::Error(spoiled->second, name(key.sample) + " is spoiled");
    }
    pipeline::CounterRng rng(key, pipeline::Purpose::kSynthetic);
    const at::Tensor input = at::empty(shape_, at::kFloat);
    float* values = input.data_ptr<float>();
    const std::int64_t lean = label(key.sample);
    for (std::int64_t i = 0; i < input.numel(); ++i) {
      values[i] = static_cast<float>(rng.normal() + (i % classes_ == lean ? 2.5 : 0.0));
    }
    return pipeline::Sample{{{"input", input}}, {lean}};
  }

 protected:
  pipeline::Result<std::vector<pipeline::Sample>> read_file(
      std::span<const pipeline::SampleKey> keys) const override {
    std::vector<pipeline::Sample> views;
    for (const pipeline::SampleKey& key : keys) {
      const pipeline::Result<pipeline::Sample> view = draw(key);
      if (!view.ok()) return view.error();
      views.push_back(view.value());
    }
    return views;
  }

 private:
  std::int64_t size_;
  std::vector<std::int64_t> shape_;
  std::int64_t classes_;
  std::map<std::int64_t, pipeline::Errc> spoiled_;
};

}  // namespace larkspur::testing
