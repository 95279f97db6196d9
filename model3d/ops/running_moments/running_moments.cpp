// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/running_moments/running_moments.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/library.h>

#include "model3d/kernels/find_op.h"

namespace larkspur::model3d {
namespace {

void step_on_cpu(at::TensorList running,
                 at::TensorList batch,
                 at::ArrayRef<double> shares,
                 double keep) {
  for (std::size_t i = 0; i < running.size(); ++i) {
    running[i].mul_(keep).add_(batch[i], shares[i]);
  }
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(larkspur, library) {
  library.def(
      "step_running_moments_(Tensor(a!)[] running, Tensor[] batch, float[] shares, float keep) -> "
      "()");
}
TORCH_LIBRARY_IMPL(larkspur, CPU, library) { library.impl("step_running_moments_", &step_on_cpu); }

void step_running_moments(const std::vector<RunningStep>& steps, double keep) {
  static const auto op = find_op<decltype(step_on_cpu)>("larkspur::step_running_moments_");
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  std::vector<at::Tensor> running;
  std::vector<at::Tensor> batch;
  std::vector<double> shares;
  for (const RunningStep& step : steps) {
    running.push_back(step.running);
    batch.push_back(step.batch);
    shares.push_back(step.share);
  }
  if (!steps.empty()) op.call(running, batch, shares, keep);
}

}  // namespace larkspur::model3d
