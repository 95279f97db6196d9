// SPDX-License-Identifier: Apache-2.0
#include "model3d/kernels/autocast.h"

#include <ATen/autocast_mode.h>

namespace larkspur::model3d {
namespace {

bool casts_to_bfloat16() { return at::autocast::get_autocast_dtype(at::kCPU) == at::kBFloat16; }

}  // namespace

FactorType factors_of_autocast() {
  const bool rounds = at::autocast::is_autocast_enabled(at::kCPU) && casts_to_bfloat16();
  return rounds ? FactorType::kBfloat16 : FactorType::kFloat32;
}

bool autocast_is_foreign() {
  return at::autocast::is_autocast_enabled(at::kCPU) && !casts_to_bfloat16();
}

}  // namespace larkspur::model3d
