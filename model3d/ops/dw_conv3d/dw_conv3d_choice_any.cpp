// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/dw_conv3d/dw_conv3d_lanes.h"

namespace larkspur::model3d {

const DwConv3dLanes* const* dw_conv3d_lanes() {
  static const DwConv3dLanes* const kSets[] = {&kDwConv3dPortable, nullptr};
  return kSets;
}

}  // namespace larkspur::model3d
