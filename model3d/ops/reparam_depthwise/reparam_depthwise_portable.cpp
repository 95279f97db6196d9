// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/reparam_depthwise/reparam_depthwise_loops.inc"

namespace larkspur::model3d {

const ReparamLoops kReparamPortable = make_reparam_loops<4>();

}  // namespace larkspur::model3d
