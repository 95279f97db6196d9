// SPDX-License-Identifier: Apache-2.0
#include "readers/cloud/cloud_transform.h"

#include <cmath>

#include <ATen/ops/empty.h>

#include "pipeline/require.h"
#include "readers/cloud/voxel_grid.h"

namespace larkspur::readers {

at::Tensor transform_cloud(const at::Tensor& points_N3, const pipeline::CloudPlan& plan) {
  pipeline::require(
      points_N3.dim() == 2 && points_N3.size(1) == 3 && points_N3.scalar_type() == at::kFloat,
      pipeline::Errc::kInvalidArgument,
      "[transform_cloud] points are ",
      points_N3.scalar_type(),
      " ",
      points_N3.sizes(),
      ", not float32 [N, 3]");
  if (plan.fit) {
    pipeline::CloudPlan before = plan;
    before.fit = false;
    before.shift = {0.0, 0.0, 0.0};
    const at::Tensor fitted_N3 = normalise_unit_sphere(transform_cloud(points_N3, before));
    return transform_cloud(fitted_N3, {.shift = plan.shift});
  }
  const at::Tensor points = points_N3.contiguous();
  at::Tensor result = at::empty({points.size(0), 3}, at::kFloat);
  const auto* from = points.const_data_ptr<float>();
  auto* to = result.data_ptr<float>();
  const double cosine = std::cos(plan.angle);
  const double sine = std::sin(plan.angle);
  const double tilt_cosine = std::cos(plan.tilt);
  const double tilt_sine = std::sin(plan.tilt);
  for (std::int64_t i = 0; i < points.size(0); ++i, from += 3, to += 3) {
    const double x = cosine * from[0] - sine * from[1];
    const double y = sine * from[0] + cosine * from[1];
    const double forward = tilt_cosine * x + tilt_sine * from[2];
    const double up = tilt_cosine * from[2] - tilt_sine * x;
    to[0] = static_cast<float>(plan.scale[0] * forward + plan.shift[0]);
    to[1] = static_cast<float>(plan.scale[1] * y + plan.shift[1]);
    to[2] = static_cast<float>(plan.scale[2] * up + plan.shift[2]);
  }
  return result;
}

}  // namespace larkspur::readers
