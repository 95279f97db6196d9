// SPDX-License-Identifier: Apache-2.0
#include "model3d/layers/full_precision.h"

#include <ATen/autocast_mode.h>

namespace larkspur::model3d {

FullPrecision::FullPrecision(const at::Tensor& x)
    : device_(x.device().type()), cast_(at::autocast::is_autocast_enabled(device_)) {
  at::autocast::set_autocast_enabled(device_, false);
}

FullPrecision::~FullPrecision() { at::autocast::set_autocast_enabled(device_, cast_); }

}  // namespace larkspur::model3d
