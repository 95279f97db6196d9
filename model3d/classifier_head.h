// SPDX-License-Identifier: Apache-2.0
// From features to logits: mean over the map, LayerNorm, linear.
//
//   [N,C,D,H,W] -- mean -- [N,C] -- norm -- [N,C] -- head -- [N,classes]
#pragma once

#include "model3d/layer_norm.h"
#include "model3d/linear.h"

namespace larkspur::model3d {

/// Not thread-safe. Owns its parameters. Any map size will do.
class ClassifierHead {
 public:
  /// Channels of the features and number of classes, both > 0.
  ClassifierHead(std::int64_t channels, std::int64_t classes)
      : norm_(channels), linear_(channels, classes) {}

  /// Features [N,C,D,H,W] to logits [N,classes].
  at::Tensor forward(const at::Tensor& features_NCDHW) const {
    return linear_.forward(pooled(features_NCDHW));
  }

  /// Features [N,C,D,H,W] to what the linear map sees, [N,C].
  at::Tensor pooled(const at::Tensor& features_NCDHW) const {
    return norm_.forward(features_NCDHW.mean({2, 3, 4}));
  }

  /// "norm.*" and "head.*".
  void list(const Listing& to) const {
    norm_.list(to.under("norm"));
    linear_.list(to.under("head"));
  }

 private:
  LayerNorm norm_;
  Linear linear_;
};

}  // namespace larkspur::model3d
