// SPDX-License-Identifier: Apache-2.0
// The block of UniRepLKNet (arXiv 2311.15599, figure 2): mix in space, then mix channels.
//
//   x -- dwconv -- norm -- SE -- | linear C->4C -- GELU -- GRN -- linear 4C->C | -- norm -- scale
//   -+- y |                            |            channels last                    |     (drop
//   path)  |
//   +---------------------------------------------------------------------------------------------+
//
// Merged, what is left: dwconv + bias -- SE -- linear -- GELU -- GRN without beta -- linear + bias.
#pragma once

#include <memory>
#include <optional>

#include "model3d/depthwise/depthwise_layer.h"
#include "model3d/layers/batch_norm.h"
#include "model3d/layers/drop_path.h"
#include "model3d/layers/grn.h"
#include "model3d/layers/layer_scale.h"
#include "model3d/layers/linear.h"
#include "model3d/layers/squeeze_excite.h"
#include "model3d/ops/channel_mixer/channel_mixer.h"

namespace larkspur::model3d {

inline constexpr std::int64_t kWiden =
    4;  ///< channels between a block's two linear maps, in its own
inline constexpr std::int64_t kSqueeze = 4;  ///< its channels, in those of squeeze-and-excite

struct LargeKernelBlockOptions {
  std::int64_t channels = 0;  ///< C, a multiple of 4
  Extent3 taps{3, 3, 3};      ///< of the depthwise layer; with branches from kFewestLargeTaps on
  double layer_scale = 1e-6;  ///< start of the residual's factor
  DropPath drop_path{};
  TimePadding time_padding = TimePadding::kZeros;  ///< of D
  bool separable_time = false;  ///< space and time in kernels of their own (SeparableDepthwise)
};

/// Not thread-safe. Owns its parameters.
class LargeKernelBlock {
 public:
  explicit LargeKernelBlock(const LargeKernelBlockOptions& options);

  /// x [N,C,D,H,W] to the same shape.
  at::Tensor forward(const at::Tensor& x_NCDHW, const Pass& pass) const;

  /// "dwconv.*", "norm.*", "se.*", "pwconv1.1.*", "act.1.*", "pwconv2.0.*", "pwconv2.2.*", "gamma".
  void add_to(const StateDict& state) const;

  /// Folds norms, layer scale and the beta of GRN into the weights before or behind them. A second
  /// call changes nothing. For inference only.
  void merge();

  /// The two halves of the residual, as the figure above has them: space [N,C,D,H,W], then channels
  /// [N,D,H,W,C], before the last norm.
  at::Tensor mix_space(const at::Tensor& x_NCDHW, const Pass& pass) const;
  at::Tensor mix_channels(const at::Tensor& x_NDHWC) const;

 private:
  /// forward() by ops of few passes over memory, in training with norms by their own batch: zeros
  /// around the maps, float32.
  at::Tensor train_fused(const at::Tensor& x_NCDHW, const Pass& pass) const;

  /// forward() by them in evaluation on the CPU, where no gradients are recorded, merged or not.
  at::Tensor evaluate_fused(const at::Tensor& x_NCDHW) const;

  ChannelMixerParameters mixer_parameters() const;

  std::unique_ptr<DepthwiseLayer> depthwise_;
  std::optional<BatchNorm> norm_;  ///< this, the last norm and the scale are none once merged
  SqueezeExcite squeeze_excite_;
  Linear widen_;
  Grn grn_;
  Linear narrow_;
  std::optional<BatchNorm> last_norm_;
  std::optional<LayerScale> layer_scale_;
  DropPath drop_path_;
};

}  // namespace larkspur::model3d
