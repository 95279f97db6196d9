// SPDX-License-Identifier: Apache-2.0
// A large depthwise convolution of clips in two parts, one for space and one for time.
//
//   x --+-- space: 1 x K x K, with branches and norms --+-- sum -- y
//       +-- time:  T x 1 x 1 -- BN ---------------------+
//
//   merged:  x --+-- 1 x K x K + bias --+-- sum -- y
//                +-- T x 1 x 1 ---------+
//
// K * K + T taps a channel instead of T * K * K, trained and merged: as one kernel it would be the
// dense T x K x K again. The part for space is the layer of a model of pictures with the same
// entries, so its weights fit as they are. (Space and time in kernels of their own: Tran et al.
// 2018, arXiv 1711.11248, there one behind the other.)
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "model3d/depthwise/depthwise_layer.h"
#include "model3d/layers/batch_norm.h"

namespace larkspur::model3d {

/// Whether the entry belongs to a part for time, from its name: "...dwconv.time_conv.weight".
bool is_of_time(const std::string& entry_name);

/// Not thread-safe. Owns its parameters.
class SeparableDepthwise final : public DepthwiseLayer {
 public:
  /// `space` has one tap in time and `channels` channels; `time_taps` is odd.
  SeparableDepthwise(std::unique_ptr<DepthwiseLayer> space,
                     std::int64_t channels,
                     std::int64_t time_taps,
                     TimePadding padding);

  at::Tensor forward(const at::Tensor& x_NCDHW, const Pass& pass) const override;

  /// Those of the part for space, then "time_conv.weight" [C,1,T,1,1] and "time_bn.*" [C]. Merged:
  /// those of the part for space, then "time_conv.weight".
  std::vector<DepthwiseBranch> branches() const override;
  void add_to(const StateDict& state) const override;

  /// The part for space ends with the bias of both. The output outside training changes as that of
  /// a DilatedReparamBlock does.
  void merge(const ChannelAffine& then) override;

 private:
  std::unique_ptr<DepthwiseLayer> space_;
  DepthwiseConv time_;
  std::optional<BatchNorm> time_norm_;  ///< none once merged
};

}  // namespace larkspur::model3d
