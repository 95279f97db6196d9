// SPDX-License-Identifier: Apache-2.0
// What stands before the stages: strided convolutions that trade places for channels.
//
//   Stem:        x -- conv 3, strided -- LayerNorm -- GELU -- conv 3, strided -- LayerNorm -- y
//   Downsample:  x [-- LayerNorm] -- conv 3, strided -- LayerNorm -- y
//
// Along an axis with one tap (D of a picture) there is no stride: a map keeps its size there.
// A stride of 2 takes n places to (n + 1) / 2.
#pragma once

#include <optional>

#include <ATen/core/Tensor.h>

#include "model3d/layers/extent.h"
#include "model3d/layers/layer_norm.h"
#include "model3d/layers/state_dict.h"
#include "model3d/layers/time_axis.h"

namespace larkspur::model3d {

/// Sizes of a strided convolution that mixes all channels.
struct StridedConvOptions {
  std::int64_t inputs = 0;                    ///< channels, > 0
  std::int64_t outputs = 0;                   ///< channels, > 0
  Extent3 taps{3, 3, 3};                      ///< odd; padding taps / 2
  Extent3 stride{2, 2, 2};                    ///< 1 or 2; on the axes with more than one tap
  bool lean_depth = false;                    ///< one tap along D where the stride there is 1
  TimePadding padding = TimePadding::kZeros;  ///< of D; H and W have zeros
  bool drawn_bias = false;  ///< first biases as the weights, not 0: where the input is zero in
                            ///< places, the LayerNorm behind would there divide by next to nothing
};

/// Taps and strides as the convolution has them: one tap along an axis means no stride there.
Extent3 taps_of(const StridedConvOptions& options);
Extent3 stride_of(const StridedConvOptions& options);

/// One of the stem's two convolutions: the first has at most 2 of the stride on each axis and half
/// of the outputs, the second what is left.
StridedConvOptions half_of(const StridedConvOptions& total, bool first);

/// Owns weight [outputs,inputs,KD,KH,KW] and bias [outputs]. Not thread-safe.
class StridedConv {
 public:
  explicit StridedConv(const StridedConvOptions& options);

  /// x [N,inputs,D,H,W] to [N,outputs,D',H',W'].
  at::Tensor forward(const at::Tensor& x_NCDHW) const;

  /// "weight" and "bias".
  void add_to(const StateDict& state) const;

 private:
  at::Tensor weight_;
  at::Tensor bias_;
  Extent3 stride_;
  TimePadding padding_;
  bool drawn_bias_;
};

/// The first layers; two steps. Not thread-safe.
class Stem {
 public:
  /// `total`: outputs as the stage behind wants them (even), taps, and on each axis a stride of 1,
  /// 2 or 4 over both convolutions; the first takes the first half.
  explicit Stem(const StridedConvOptions& total);

  at::Tensor forward(const at::Tensor& x_NCDHW) const;

  /// "0.*" and "3.*" the convolutions, "1.*" and "4.*" the norms.
  void add_to(const StateDict& state) const;

 private:
  StridedConv first_;
  LayerNorm first_norm_;
  StridedConv second_;
  LayerNorm second_norm_;
};

/// Between two stages. Not thread-safe.
class Downsample {
 public:
  /// `norm_before`: the channels are normalised before the convolution too (not published; README,
  /// "Large values").
  explicit Downsample(const StridedConvOptions& options, bool norm_before = false)
      : conv_(options), norm_(options.outputs) {
    if (norm_before) norm_before_.emplace(options.inputs);
  }

  at::Tensor forward(const at::Tensor& x_NCDHW) const {
    const at::Tensor x = norm_before_ ? norm_before_->forward(x_NCDHW) : x_NCDHW;
    return norm_.forward(conv_.forward(x));
  }

  /// "pre_norm.*" the norm before, if any, "0.*" the convolution, "1.*" the norm.
  void add_to(const StateDict& state) const {
    if (norm_before_) norm_before_->add_to(state.under("pre_norm"));
    conv_.add_to(state.under("0"));
    norm_.add_to(state.under("1"));
  }

 private:
  std::optional<LayerNorm> norm_before_;
  StridedConv conv_;
  LayerNorm norm_;
};

}  // namespace larkspur::model3d
