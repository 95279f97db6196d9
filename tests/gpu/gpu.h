// SPDX-License-Identifier: Apache-2.0
// The GPU that main.cpp chose for this process.
#pragma once

#include <c10/core/Device.h>

namespace larkspur::testing {

/// Always a CUDA device.
c10::Device gpu();

}  // namespace larkspur::testing
