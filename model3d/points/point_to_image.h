// SPDX-License-Identifier: Apache-2.0
// A cloud as three pictures that a network learns to draw: UniRepLKNet's way with points (Ding et
// al. 2024, arXiv 2410.08049, eq. 4: "a series of conv layers to generate three-view projections").
//
//   points [N,P,3] -- lift, 1x1, 8 -- edge features of 32 neighbours, 64 -- splat: 3 views of S x S
//     -- x + conv 3x3 (GELU (GroupNorm (conv 3x3))) -- 1x1, 3 -- sigmoid -- ImageNet's mean and
//     deviation -- pictures [N,3,3,S,S]
//
// Where the released code, which is P2P's (Wang et al. 2022, arXiv 2208.02812), does otherwise: it
// turns the cloud to random angles and has four views, here augmentation turns it and the views are
// the three along the axes, as the paper says; it adds a transformer across views, which is not
// here; its splat sums hard 3x3 windows over the cloud's own range, here weights are smooth, sums
// are levelled (splat.h) and the range is the unit sphere; its logits stand over views joined end
// to end, here views are pooled.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "model3d/layers/downsample.h"
#include "model3d/layers/group_norm.h"
#include "model3d/layers/pointwise.h"
#include "model3d/layers/state_dict.h"
#include "model3d/points/edge_features.h"

namespace larkspur::model3d {

inline constexpr std::int64_t kLifted = 8;   ///< channels that coordinates become
inline constexpr std::int64_t kColours = 3;  ///< channels of a picture

struct PointToImageOptions {
  std::int64_t size = 112;       ///< S, pixels of a side, >= 1; 224 in the paper
  std::int64_t channels = 64;    ///< of the drawing, a multiple of 4
  std::int64_t neighbours = 32;  ///< of a point, >= 1
};

/// Not thread-safe. Owns its parameters. Same input, same bits on one kind of device, for a fixed
/// number of threads. Memory of a forward pass a sample: some 100 * P * 32 + 300 * S * S values.
class PointToImage {
 public:
  explicit PointToImage(const PointToImageOptions& options);

  /// points [N,P,3], P >= 1, any order, meant to lie in the unit sphere, to pictures [N,3,3,S,S]:
  /// views, then channels. Throws kInvalidArgument naming another shape.
  at::Tensor forward(const at::Tensor& points_NP3) const;

  /// "lift.*", "edges.*", "block.0.*", "block.1.*", "block.3.*", "colour.*".
  void add_to(const StateDict& state) const;

 private:
  std::int64_t size_;
  Pointwise lift_;
  EdgeFeatures edges_;
  StridedConv first_;
  GroupNorm norm_;
  StridedConv second_;
  Pointwise colour_;
};

}  // namespace larkspur::model3d
