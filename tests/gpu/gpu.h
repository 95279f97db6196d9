// SPDX-License-Identifier: Apache-2.0
// The GPU that main.cpp chose for this process.
#pragma once

#include <c10/core/Device.h>

namespace larkspur::testing {

/// A CUDA device; in a rehearsal the CPU, so that what a test does can be tried without a GPU.
c10::Device gpu();

}  // namespace larkspur::testing
