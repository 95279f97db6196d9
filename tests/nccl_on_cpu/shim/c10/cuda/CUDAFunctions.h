// SPDX-License-Identifier: Apache-2.0
// torch's current GPU: there is one.
#pragma once

#include <c10/core/Device.h>

namespace c10::cuda {

inline c10::DeviceIndex current_device() { return 0; }
inline void set_device(c10::DeviceIndex /*device*/, bool /*force*/ = false) {}

}  // namespace c10::cuda
