// SPDX-License-Identifier: Apache-2.0
#include "tests/support/finite_difference.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "tests/support/golden_formula.h"
#include "tests/support/tolerances.h"

namespace larkspur::testing {
namespace {

constexpr double kStep = 1e-6;

std::vector<at::Tensor> directions_for(const std::vector<at::Tensor>& leaves) {
  std::vector<at::Tensor> directions;
  for (const at::Tensor& leaf : leaves) {
    const std::string name = "direction." + std::to_string(directions.size());
    const at::Tensor noise = golden_noise(name, leaf.sizes().vec()).to(at::kDouble);
    directions.push_back(noise * leaf.detach().square().mean().sqrt());
  }
  return directions;
}

}  // namespace

void expect_directional_derivative(const std::vector<at::Tensor>& leaves,
                                   const std::function<at::Tensor()>& loss) {
  const auto directions = directions_for(leaves);
  loss().backward();
  const at::NoGradGuard no_grad;
  const auto loss_moved_by = [&](double step) {
    for (std::size_t i = 0; i < leaves.size(); ++i) leaves[i].add_(directions[i], step);
    const double value = loss().item<double>();
    for (std::size_t i = 0; i < leaves.size(); ++i) leaves[i].add_(directions[i], -step);
    return value;
  };
  double along = 0.0;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    along += (leaves[i].grad() * directions[i]).sum().item<double>();
  }
  const double differences = (loss_moved_by(kStep) - loss_moved_by(-kStep)) / (2 * kStep);
  EXPECT_GT(std::abs(along), 1e-3) << "a direction that shows nothing";
  EXPECT_NEAR(along, differences, kFiniteDifference * std::max(1.0, std::abs(along)));
}

}  // namespace larkspur::testing
