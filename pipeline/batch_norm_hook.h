// SPDX-License-Identifier: Apache-2.0
// How BatchNorm in training gets at its batch, where that is not simply its own lane.
//
//   Classifier::forward -- BatchNorm of one lane -- BatchNormCall --> BatchNormHook -- y
//
// Two rules are here: lockstep_lanes.h (the batch is every lane of the job) and precise_norm.h (the
// batch is the lane, and its moments are written down).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <ATen/core/Tensor.h>

namespace larkspur::pipeline {

/// Over which samples BatchNorm in training takes its moments.
enum class NormScope : std::uint8_t {
  kLane,          ///< those of a lane
  kSynchronised,  ///< those of the global batch: lockstep_lanes.h
};

/// One BatchNorm of one lane in a training pass. Shares its tensors with the network.
struct BatchNormCall {
  at::Tensor x;             ///< [N,C,...], N >= 1
  at::Tensor weight;        ///< float32 [C]
  at::Tensor bias;          ///< float32 [C]
  at::Tensor running_mean;  ///< float32 [C]
  at::Tensor running_var;   ///< float32 [C]
  double momentum = 0.1;    ///< share of the batch in the running statistics' next value
  double eps = 1e-5;
};

/// Called by one network at a time, norm after norm in order of use.
class BatchNormHook {
 public:
  virtual ~BatchNormHook() = default;

  /// weight * (x - mean) / sqrt(variance + eps) + bias, in x's shape and type, with the moments of
  /// the rule's batch. Whether the running statistics move is the rule's affair.
  virtual at::Tensor normalise(const BatchNormCall& call) = 0;

 protected:
  BatchNormHook() = default;
  BatchNormHook(const BatchNormHook&) = default;
  BatchNormHook& operator=(const BatchNormHook&) = default;
};

/// Called before a part of a network uses its parameters for the first time in a pass: "stages.1",
/// whose parameters are those under "stages.1.". Every parameter is under a part announced before.
using ParameterGate = std::function<void(const std::string& part)>;

/// What a training pass does other than by default. A plain value.
struct TrainingPass {
  BatchNormHook* norms = nullptr;  ///< asked by every BatchNorm, outlives the passes; null: each
                                   ///< batch by itself, running statistics moved
  bool random_depth = true;        ///< false: every residual branch is taken
  ParameterGate before_use{};      ///< may hold the pass until values have arrived; empty: none
};

}  // namespace larkspur::pipeline
