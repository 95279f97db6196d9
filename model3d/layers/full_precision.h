// SPDX-License-Identifier: Apache-2.0
// A part of a pass that autocast leaves alone.
#pragma once

#include <ATen/core/Tensor.h>

namespace larkspur::model3d {

/// While it lives, operations of this thread on tensors like `x` compute in the type of their
/// operands, under autocast too; so do their gradients. Nested ones are fine.
class FullPrecision {
 public:
  explicit FullPrecision(const at::Tensor& x);
  ~FullPrecision();
  FullPrecision(const FullPrecision&) = delete;
  FullPrecision& operator=(const FullPrecision&) = delete;

 private:
  at::DeviceType device_;
  bool cast_;
};

}  // namespace larkspur::model3d
