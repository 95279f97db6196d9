// SPDX-License-Identifier: Apache-2.0
// What a block needs of its depthwise layer, be it one small kernel or a large one with branches.
//
// The block has the norm behind it folded into the layer without knowing which it is or how many
// kernels are left of it: layer.merge(norm.affine()).
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "model3d/depthwise/depthwise_conv.h"
#include "model3d/layers/batch_norm.h"
#include "model3d/layers/pass.h"

namespace larkspur::model3d {

/// A part of a layer. Shares its tensors.
struct DepthwiseBranch {
  const DepthwiseConv* conv = nullptr;
  const BatchNorm* norm = nullptr;  ///< null: none
};

/// A linear map (outside training) of every channel on its own. Not thread-safe.
class DepthwiseLayer {
 public:
  virtual ~DepthwiseLayer() = default;

  /// x [N,C,D,H,W] to the same shape.
  virtual at::Tensor forward(const at::Tensor& x_NCDHW, const Pass& pass) const = 0;

  /// The convolutions whose sum it is, each with the norm behind it; until it is merged or moved.
  virtual std::vector<DepthwiseBranch> branches() const = 0;

  /// Its entries, in order of use.
  virtual void add_to(const StateDict& state) const = 0;

  /// Becomes as few kernels as it can, which do what it does outside training and then `then`
  /// [C]. Its norms are gone from the list. Of a merged layer only `then` is left to fold.
  virtual void merge(const ChannelAffine& then) = 0;

 protected:
  DepthwiseLayer() = default;
  DepthwiseLayer(const DepthwiseLayer&) = default;
  DepthwiseLayer(DepthwiseLayer&&) = default;
  DepthwiseLayer& operator=(const DepthwiseLayer&) = default;
  DepthwiseLayer& operator=(DepthwiseLayer&&) = default;
};

/// One small kernel, no norm of its own. Entries: "weight" [C,1,KD,KH,KW], once merged also "bias"
/// [C]. Owns them.
class SmallDepthwise final : public DepthwiseLayer {
 public:
  SmallDepthwise(std::int64_t channels,
                 const Extent3& taps,
                 TimePadding padding = TimePadding::kZeros)
      : conv_(channels, taps, {1, 1, 1}, padding) {}

  at::Tensor forward(const at::Tensor& x_NCDHW, const Pass& /*pass*/) const override {
    return conv_.forward(x_NCDHW);
  }
  std::vector<DepthwiseBranch> branches() const override { return {{&conv_, nullptr}}; }
  void add_to(const StateDict& state) const override { conv_.add_to(state); }
  void merge(const ChannelAffine& then) override {
    conv_.adopt(fold(conv_.spread_over(conv_.taps()), then));
  }

 private:
  DepthwiseConv conv_;
};

}  // namespace larkspur::model3d
