// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/neighbour_max/neighbour_max_loops.inc"

namespace larkspur::model3d {

const NeighbourMaxLoops kNeighbourMaxAvx512 = make_neighbour_max_loops<16>();

}  // namespace larkspur::model3d
