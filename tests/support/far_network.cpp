// SPDX-License-Identifier: Apache-2.0
#include "tests/support/far_network.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "tests/support/golden_formula.h"

namespace larkspur::testing {
namespace {

struct Spread {
  double centre;
  double amplitude;
};

Spread spread_of(const std::string& name, at::IntArrayRef shape) {
  if (name.ends_with(".running_mean")) return {0.0, 2.0};
  if (name.ends_with(".act.1.gamma")) return {0.25, 0.5};
  if (name.ends_with(".act.1.beta")) return {0.0, 0.25};
  if (name.ends_with(".gamma")) return {0.125, 0.0625};
  if (name.ends_with(".bias")) return {0.0, 0.5};
  if (shape.size() == 1) return {1.0, 0.5};
  double fan = 1.0;
  for (const std::int64_t size : shape.slice(1)) fan *= static_cast<double>(size);
  return {0.0, std::sqrt(3.0 / fan)};
}

}  // namespace

void move_far(const model3d::Network& network) {
  const at::NoGradGuard no_grad;
  for (const model3d::NamedTensor& entry : network.entries()) {
    const auto [centre, amplitude] = spread_of(entry.name, entry.tensor.sizes());
    at::Tensor noise = golden_noise("far." + entry.name, entry.tensor.sizes().vec());
    if (entry.name.ends_with(".running_var")) {
      noise.mul_(std::log(20.0)).exp_();  // in [1/20, 20)
    } else {
      noise.mul_(amplitude).add_(centre);
    }
    entry.tensor.copy_(noise);
  }
}

void widen(const model3d::Network& network) {
  for (const model3d::NamedTensor& entry : network.entries()) {
    entry.tensor.set_data(entry.tensor.detach().to(at::kDouble));
  }
}

at::Tensor far_input(const std::string& name, const std::vector<std::int64_t>& shape) {
  return golden_noise("input." + name, shape);
}

}  // namespace larkspur::testing
