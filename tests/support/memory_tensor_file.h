// SPDX-License-Identifier: Apache-2.0
// Named tensors that a test makes up.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/storage/tensor_file.h"

namespace larkspur::testing {

/// A map that answers as a file would. float32 tensors only.
class MemoryTensorFile final : public pipeline::TensorFile {
 public:
  explicit MemoryTensorFile(std::map<std::string, at::Tensor> tensors)
      : tensors_(std::move(tensors)) {}

  std::string origin() const override { return "weights.file"; }
  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& [name, tensor] : tensors_) names.push_back(name);
    return names;
  }
  std::vector<std::int64_t> shape(const std::string& name) const override {
    return tensors_.at(name).sizes().vec();
  }
  at::Tensor tensor(const std::string& name) const override { return tensors_.at(name).clone(); }

  std::map<std::string, at::Tensor>& all() { return tensors_; }

 private:
  std::map<std::string, at::Tensor> tensors_;
};

}  // namespace larkspur::testing
