// SPDX-License-Identifier: Apache-2.0
// From features to logits: LayerNorm, linear. What stands before has taken the mean over the map.
//
//   [N,C] -- norm -- [N,C] -- head -- [N,classes]
#pragma once

#include "model3d/layers/layer_norm.h"
#include "model3d/layers/linear.h"

namespace larkspur::model3d {

/// Not thread-safe. Owns its parameters.
class ClassifierHead {
 public:
  /// Channels of the features and number of classes, both > 0.
  ClassifierHead(std::int64_t channels, std::int64_t classes)
      : norm_(channels), linear_(channels, classes) {}

  /// Features [N,C] to logits [N,classes].
  at::Tensor forward(const at::Tensor& features_NC) const {
    return linear_.forward(normed(features_NC));
  }

  /// Features [N,C] to what the linear map sees, [N,C].
  at::Tensor normed(const at::Tensor& features_NC) const { return norm_.forward(features_NC); }

  /// "norm.*" and "head.*".
  void add_to(const StateDict& state) const {
    norm_.add_to(state.under("norm"));
    linear_.add_to(state.under("head"));
  }

 private:
  LayerNorm norm_;
  Linear linear_;
};

}  // namespace larkspur::model3d
