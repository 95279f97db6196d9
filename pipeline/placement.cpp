// SPDX-License-Identifier: Apache-2.0
#include "pipeline/placement.h"

#include <atomic>

#include <ATen/core/grad_mode.h>

#include "pipeline/float_input.h"

namespace larkspur::pipeline {
namespace {

std::atomic<std::int64_t> reads = 0;
std::atomic<std::int64_t> copies = 0;

void move(at::Tensor tensor, at::Device device) {
  if (tensor.device() == device) return;
  tensor.set_data(tensor.detach().to(device));
}

}  // namespace

void place(const Classifier& classifier, at::Device device) {
  const at::NoGradGuard no_grad;
  for (const Parameter& parameter : classifier.parameters()) move(parameter.tensor, device);
  for (const Statistic& statistic : classifier.statistics()) move(statistic.tensor, device);
}

Batch on_device(const Batch& batch, at::Device device) {
  Batch there =
      with_tensors(batch, [&](const at::Tensor& tensor) { return to_device(tensor, device); });
  for (Input& input : there.inputs) input.tensor = float_input(input.tensor);
  return there;
}

at::Tensor to_device(const at::Tensor& tensor, at::Device device) {
  ++copies;
  return tensor.to(device, /*non_blocking=*/true);
}

std::int64_t device_copies() { return copies; }

at::Tensor to_host(const at::Tensor& tensor) {
  ++reads;
  return tensor.cpu();
}

std::int64_t host_reads() { return reads; }

}  // namespace larkspur::pipeline
