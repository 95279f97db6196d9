// SPDX-License-Identifier: Apache-2.0
// What a network makes of one input, without gradients.
#pragma once

#include <ATen/core/grad_mode.h>

#include "model3d/network.h"

namespace larkspur::testing {

inline at::Tensor logits_of(model3d::Network& network, const at::Tensor& input) {
  const at::NoGradGuard no_grad;
  pipeline::Batch batch;
  batch.inputs["input"] = input;
  return network.forward(batch);
}

}  // namespace larkspur::testing
