// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "model3d/ops/dw_conv3d/dw_conv3d_lanes.h"

namespace larkspur::model3d {
namespace {

std::array<const DwConv3dLanes*, 4> find_sets() {
  std::array<const DwConv3dLanes*, 4> sets{};
  std::size_t count = 0;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq")) {
    sets[count++] = &kDwConv3dAvx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    sets[count++] = &kDwConv3dAvx2;
  }
  sets[count] = &kDwConv3dPortable;
  return sets;
}

}  // namespace

const DwConv3dLanes* const* dw_conv3d_lanes() {
  static const std::array<const DwConv3dLanes*, 4> kSets = find_sets();
  return kSets.data();
}

}  // namespace larkspur::model3d
