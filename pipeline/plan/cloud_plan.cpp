// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plan/cloud_plan.h"

#include <numbers>

#include "pipeline/require.h"

namespace larkspur::pipeline {

void CloudAugmentation::check() const {
  require(scale_min > 0, Errc::kInvalidArgument, "scale_min is ", scale_min, ", not > 0");
  require(scale_max >= scale_min,
          Errc::kInvalidArgument,
          "scale_max is ",
          scale_max,
          ", below scale_min ",
          scale_min);
  require(shift >= 0, Errc::kInvalidArgument, "shift is ", shift, ", not >= 0");
}

CloudPlan plan_cloud(const CloudAugmentation& augmentation, const SampleKey& key) {
  CounterRng rng(key, Purpose::kAugment);
  CloudPlan plan;
  for (double& scale : plan.scale) {
    scale = rng.uniform(augmentation.scale_min, augmentation.scale_max);
  }
  for (double& shift : plan.shift) shift = rng.uniform(-augmentation.shift, augmentation.shift);
  const double angle = rng.uniform(0.0, 2.0 * std::numbers::pi);
  const bool mirror_x = rng.below(2) == 1;
  const bool mirror_y = rng.below(2) == 1;
  if (augmentation.rotate_up) plan.angle = angle;
  if (augmentation.mirror && mirror_x) plan.scale[0] = -plan.scale[0];
  if (augmentation.mirror && mirror_y) plan.scale[1] = -plan.scale[1];
  plan.fit = augmentation.fit;
  return plan;
}

}  // namespace larkspur::pipeline
