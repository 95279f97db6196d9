// SPDX-License-Identifier: Apache-2.0
// In which type forward and backward compute; weights, statistics and moments stay float32.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace larkspur::pipeline {

enum class Precision : std::uint8_t {
  kFloat32,
  kBFloat16,  ///< products of bfloat16, sums in float32; torch's autocast lists say which, but for
              ///< ops of our own on the CPU, which keep their maps float32
  kFloat16,   ///< likewise in float16, whose small range wants a LossScaler
};

/// Until its end, operations of this thread on tensors of one kind of device compute in
/// `precision`. One at a time in a thread.
class PrecisionScope {
 public:
  PrecisionScope(Precision precision, at::Device device);
  ~PrecisionScope() { end(); }
  PrecisionScope(const PrecisionScope&) = delete;
  PrecisionScope& operator=(const PrecisionScope&) = delete;

  /// Before the backward pass, which follows its forward by itself. Destruction ends it as well.
  void end();

 private:
  bool casts_;
  at::DeviceType device_;
};

}  // namespace larkspur::pipeline
