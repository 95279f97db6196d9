// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/dw_conv3d/dw_conv3d_weight_gradient.inc"

namespace larkspur::model3d {

const DwConv3dLanes kDwConv3dAvx512 = make_lanes<16>("avx512");

}  // namespace larkspur::model3d
