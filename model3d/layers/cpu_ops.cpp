// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/cpu_ops.h"

#include "model3d/kernels/autocast.h"

namespace larkspur::model3d {

bool cpu_ops_take(const at::Tensor& x, const at::Tensor& weight) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && x.numel() > 0 && weight.is_cpu() &&
         weight.scalar_type() == at::kFloat && !autocast_is_foreign();
}

}  // namespace larkspur::model3d
