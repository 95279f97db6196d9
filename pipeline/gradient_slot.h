// SPDX-License-Identifier: Apache-2.0
// Where an op may leave the gradient of a parameter itself, instead of handing it to autograd:
// saves a tensor and a copy, and the gradient is known to be ready the moment it is.
#pragma once

#include <functional>
#include <utility>

#include <ATen/core/Tensor.h>

namespace larkspur::pipeline {

/// A handle; copies stand for the same place. Refers to whoever made it, which must outlive it.
/// Used in the thread that runs backward.
class GradientSlot {
 public:
  GradientSlot() = default;  ///< of a parameter that has no gradient
  GradientSlot(at::Tensor gradient, std::function<void()> ready)
      : gradient_(std::move(gradient)), ready_(std::move(ready)) {}

  bool valid() const { return gradient_.defined(); }

  /// float32, flat, the parameter's elements in order. Zero when a lane begins; an op may write it
  /// or add to it until it reports it ready.
  const at::Tensor& gradient() const { return gradient_; }

  /// This lane's gradient is complete. At most once a lane; autograd is then given none (an
  /// undefined tensor) for the parameter. Throws kInvalidArgument naming the parameter at the
  /// second time.
  void report_ready() const { ready_(); }

 private:
  at::Tensor gradient_;
  std::function<void()> ready_;
};

}  // namespace larkspur::pipeline
