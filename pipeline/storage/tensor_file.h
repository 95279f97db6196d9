// SPDX-License-Identifier: Apache-2.0
// Tensors by name, from whatever holds them: what weights are loaded from.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace larkspur::pipeline {

/// Const and callable from many threads. Nothing is held in memory but names and shapes.
class TensorFile {
 public:
  virtual ~TensorFile() = default;

  /// What messages call it: the file.
  virtual std::string origin() const = 0;

  /// Every name once, sorted.
  virtual std::vector<std::string> names() const = 0;

  /// The shape; [] is a scalar. Throws kCorruptData when there is no such tensor.
  virtual std::vector<std::int64_t> shape(const std::string& name) const = 0;

  /// What the file says about itself, if anything.
  virtual std::map<std::string, std::string> metadata() const { return {}; }

  /// How it was read, where a person should know: a sentence each.
  virtual std::vector<std::string> notes() const { return {}; }

  /// A copy as float32, CPU, contiguous, from float64, float32, float16 or bfloat16; values beyond
  /// float32 become infinite. Throws kUnsupported for other types, kCorruptData when there is no
  /// such tensor, kIo.
  virtual at::Tensor tensor(const std::string& name) const = 0;

 protected:
  TensorFile() = default;
  TensorFile(const TensorFile&) = default;
  TensorFile(TensorFile&&) = default;
  TensorFile& operator=(const TensorFile&) = default;
  TensorFile& operator=(TensorFile&&) = default;
};

}  // namespace larkspur::pipeline
