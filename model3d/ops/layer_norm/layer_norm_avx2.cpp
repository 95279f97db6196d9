// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/layer_norm/layer_norm_loops.inc"

namespace larkspur::model3d {

const LayerNormLoops kLayerNormAvx2 = make_layer_norm_loops<8>();

}  // namespace larkspur::model3d
