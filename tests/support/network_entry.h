// SPDX-License-Identifier: Apache-2.0
// One tensor of a network by its name.
#pragma once

#include <stdexcept>
#include <string>

#include "model3d/network.h"

namespace larkspur::testing {

/// The network's own, gradient flag and all.
inline at::Tensor entry_of(const model3d::Network& network, const std::string& name) {
  for (const model3d::NamedTensor& entry : network.entries()) {
    if (entry.name == name) return entry.tensor;
  }
  throw std::runtime_error("no entry " + name);
}

}  // namespace larkspur::testing
