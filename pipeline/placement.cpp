// SPDX-License-Identifier: Apache-2.0
#include "pipeline/placement.h"

#include <ATen/core/grad_mode.h>

namespace larkspur::pipeline {
namespace {

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
  Batch moved = batch;
  if (device.is_cpu()) return moved;
  if (batch.input.defined()) moved.input = batch.input.to(device, /*non_blocking=*/true);
  if (batch.second_input.defined()) {
    moved.second_input = batch.second_input.to(device, /*non_blocking=*/true);
  }
  moved.labels = batch.labels.to(device, /*non_blocking=*/true);
  if (batch.partner_labels.defined()) {
    moved.partner_labels = batch.partner_labels.to(device, /*non_blocking=*/true);
    moved.own_share = batch.own_share.to(device, /*non_blocking=*/true);
  }
  return moved;
}

}  // namespace larkspur::pipeline
