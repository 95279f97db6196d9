// SPDX-License-Identifier: Apache-2.0
#include "pipeline/float_input.h"

#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>

#include "pipeline/image_statistics.h"
#include "pipeline/placement.h"

namespace larkspur::pipeline {

at::Tensor float_input(const at::Tensor& input) {
  if (input.scalar_type() == at::kBFloat16) return input.to(at::kFloat);
  if (input.scalar_type() != at::kByte) return input;
  // Tensors of the device, and not numbers: by a number a GPU multiplies with its reciprocal.
  std::vector<float> values{255.0F};
  values.insert(values.end(), kImageMean<float>.begin(), kImageMean<float>.end());
  values.insert(values.end(), kImageDeviation<float>.begin(), kImageDeviation<float>.end());
  const at::Tensor constants = to_device(at::tensor(values), input.device());
  std::vector<std::int64_t> channels(static_cast<std::size_t>(input.dim()), 1);
  channels[1] = 3;
  const at::Tensor mean = constants.narrow(0, 1, 3).view(channels);
  const at::Tensor deviation = constants.narrow(0, 4, 3).view(channels);
  return input.to(at::kFloat).div_(constants[0]).sub_(mean).div_(deviation);
}

}  // namespace larkspur::pipeline
