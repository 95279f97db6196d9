// SPDX-License-Identifier: Apache-2.0
// A network's weights as the file that would be written of it.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "model3d/weights/weights.h"
#include "tests/support/memory_tensor_file.h"

namespace larkspur::testing {

/// Copies of every entry, under its published name and shape.
inline MemoryTensorFile file_of(const model3d::Network& network) {
  std::map<std::string, at::Tensor> tensors;
  for (const model3d::NamedTensor& entry : model3d::published_state_dict(network)) {
    tensors[entry.name] = entry.tensor.clone();
  }
  return MemoryTensorFile(std::move(tensors));
}

}  // namespace larkspur::testing
