// SPDX-License-Identifier: Apache-2.0
// Over which samples BatchNorm in training takes its moments.
#pragma once

#include <cstdint>

namespace larkspur::pipeline {

enum class NormScope : std::uint8_t {
  kLane,          ///< those of a lane
  kSynchronised,  ///< those of the global batch: lanes_together.h
};

}  // namespace larkspur::pipeline
