// SPDX-License-Identifier: Apache-2.0
// What a network sees of a sample, or of a batch of them: a short list of named tensors.
//
// Which names there are is the form's matter: "voxels", "views", "points", "clip", ... All that
// handles samples (collating, mixing, copies to a device) walks the list and asks for no name.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

namespace larkspur::pipeline {

struct Input {
  std::string name;
  at::Tensor tensor;
};

/// Names are unique; the order is that of the source. A value; copies share the tensors.
class Inputs {
 public:
  Inputs() = default;
  Inputs(std::initializer_list<Input> inputs) : list_(inputs) {}

  bool is_empty() const noexcept { return list_.empty(); }
  std::int64_t size() const noexcept { return std::ssize(list_); }

  /// The tensor of that name; nullptr where there is none.
  const at::Tensor* find(std::string_view name) const noexcept;

  /// Throws kInvalidArgument naming it and those that are there.
  const at::Tensor& operator[](std::string_view name) const;

  /// Puts in an undefined tensor where there is none. Valid until the next one is put in.
  at::Tensor& operator[](std::string_view name);

  /// The tensor of a list of one. Throws kInvalidArgument naming those that are there.
  const at::Tensor& only() const;

  /// "voxels and views", for messages; "none".
  std::string names() const;

  auto begin() noexcept { return list_.begin(); }
  auto end() noexcept { return list_.end(); }
  auto begin() const noexcept { return list_.begin(); }
  auto end() const noexcept { return list_.end(); }

 private:
  std::vector<Input> list_;
};

}  // namespace larkspur::pipeline
