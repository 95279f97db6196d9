// SPDX-License-Identifier: Apache-2.0
// The network as the loop sees it: the interface that model3d implements.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "pipeline/batch.h"
#include "pipeline/batch_norm_hook.h"

namespace larkspur::pipeline {

/// A trainable tensor under its published entry name.
struct Parameter {
  std::string name;
  at::Tensor tensor;   ///< float32 leaf that requires a gradient unless it is frozen
  bool decays = true;  ///< weight decay applies
  int rate_group = 0;  ///< groups of layers behind its own (AdamWOptions::layer_decay); 0: the last
  bool frozen = false;  ///< keeps its value: no gradient, no step
};

/// A running statistic (BatchNorm mean or variance): part of the state, not trained by gradients.
struct Statistic {
  std::string name;
  at::Tensor tensor;  ///< float32, updated in place by a training forward pass
};

/// Not thread-safe. Owns its tensors; the lists share them.
class Classifier {
 public:
  virtual ~Classifier() = default;

  /// Logits [N, classes] of a batch with N >= 1, on the device the network was placed on; float32,
  /// or what PrecisionScope asks for. In training mode statistics are updated in
  /// place and random depth is drawn from batch.keys, unless the TrainingPass says otherwise;
  /// outside it the call changes nothing.
  virtual at::Tensor forward(const Batch& batch) = 0;

  /// Every parameter once, in order of use; the same list at every call.
  virtual std::vector<Parameter> parameters() const = 0;

  /// Every running statistic once, in order of use.
  virtual std::vector<Statistic> statistics() const = 0;

  virtual void set_training(bool training) = 0;

  /// How training passes go from now on; evaluation takes no notice. A network calls the gate of a
  /// pass, if there is one, before each part of it.
  virtual void set_training_pass(const TrainingPass& pass) = 0;

  /// Another network of the same kind with tensors of its own, in host memory, whose values do not
  /// matter: see FlatParameters::share_values.
  virtual std::unique_ptr<Classifier> replica() const = 0;

 protected:
  Classifier() = default;
  Classifier(const Classifier&) = default;
  Classifier& operator=(const Classifier&) = default;
};

}  // namespace larkspur::pipeline
