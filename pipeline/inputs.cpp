// SPDX-License-Identifier: Apache-2.0
#include "pipeline/inputs.h"

#include <algorithm>

#include "pipeline/require.h"

namespace larkspur::pipeline {

const at::Tensor* Inputs::find(std::string_view name) const noexcept {
  const auto found = std::find_if(
      list_.begin(), list_.end(), [&](const Input& input) { return input.name == name; });
  return found == list_.end() ? nullptr : &found->tensor;
}

const at::Tensor& Inputs::operator[](std::string_view name) const {
  const at::Tensor* const found = find(name);
  require(found != nullptr,
          Errc::kInvalidArgument,
          "[inputs] no '",
          name,
          "' among the inputs of a sample, which are: ",
          [this] { return names(); });
  return *found;
}

at::Tensor& Inputs::operator[](std::string_view name) {
  const auto found = std::find_if(
      list_.begin(), list_.end(), [&](const Input& input) { return input.name == name; });
  if (found != list_.end()) return found->tensor;
  return list_.emplace_back(Input{std::string(name), {}}).tensor;
}

const at::Tensor& Inputs::only() const {
  require(size() == 1, Errc::kInvalidArgument, "[inputs] expected one input, found ", [this] {
    return names();
  });
  return list_.front().tensor;
}

std::string Inputs::names() const {
  std::string text;
  for (const Input& input : list_) text += (text.empty() ? "" : " and ") + input.name;
  return text.empty() ? "none" : text;
}

}  // namespace larkspur::pipeline
