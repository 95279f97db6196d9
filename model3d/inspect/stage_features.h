// SPDX-License-Identifier: Apache-2.0
// What comes out of the stages of a network, by name: features for other programs.
//
//   stem -- stage1 -- down1 -- stage2 -- down2 -- stage3 -- down3 -- stage4 -- head_norm -- logits
//
// Where a network has two backbones (form joint): voxel.stem ... voxel.stage4, views.stem ...
#pragma once

#include <string>
#include <vector>

#include "model3d/network.h"

namespace larkspur::model3d {

/// One map, or one vector a sample.
struct StageFeature {
  std::string name;   ///< as above; `down1` is what stands before stage 2
  at::Tensor values;  ///< [N,C,D,H,W], [N,C,H,W] for pictures, [N,C], [N,classes]
};

/// One forward pass, in evaluation: every feature in the order above, the logits last, the same
/// bits as Network::forward(). Maps of pictures (forms image, raw, grid, and views of clouds, which
/// are folded into the batch) have no axis D.
/// Wrap it in NoGradGuard unless gradients are wanted. Throws as Network::forward().
std::vector<StageFeature> stage_features(const Network& network, const pipeline::Batch& batch);

}  // namespace larkspur::model3d
