// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/reparam_depthwise/reparam_depthwise_loops.inc"

namespace larkspur::model3d {

const ReparamLoops kReparamAvx512 = make_reparam_loops<16>();

}  // namespace larkspur::model3d
