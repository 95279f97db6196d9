// SPDX-License-Identifier: Apache-2.0
// What torch's autocast means to products of our own.
#pragma once

#include "model3d/kernels/factor_type.h"

namespace larkspur::model3d {

/// kBfloat16 while this thread computes under autocast to bfloat16 on the CPU, else kFloat32.
FactorType factors_of_autocast();

/// Whether this thread computes under autocast to a type on the CPU that our products have not.
bool autocast_is_foreign();

}  // namespace larkspur::model3d
