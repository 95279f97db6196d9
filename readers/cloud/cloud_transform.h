// SPDX-License-Identifier: Apache-2.0
// Executes the plan of one view of a cloud: out = fit(scale * (R_y(tilt) R_z(angle) p)) + shift.
//
// What is drawn at random was decided when the plan was made; this is arithmetic only.
#pragma once

#include <ATen/core/Tensor.h>

#include "pipeline/plan/cloud_plan.h"

namespace larkspur::readers {

/// points_N3: float32 [N, 3], CPU, any strides, left unchanged. Returns float32 [N, 3], contiguous;
/// computed in double and rounded once (where the plan fits, before and after that), so the
/// identity plan returns the same values. Throws kInvalidArgument for another shape or type.
at::Tensor transform_cloud(const at::Tensor& points_N3, const pipeline::CloudPlan& plan);

}  // namespace larkspur::readers
