// SPDX-License-Identifier: Apache-2.0
#include "pipeline/precision.h"

#include <utility>

#include <ATen/autocast_mode.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/rand.h>
#include <gtest/gtest.h>

namespace larkspur::pipeline {
namespace {

bool casts(at::DeviceType device) { return at::autocast::is_autocast_enabled(device); }

TEST(PrecisionScope, CastsUntilItsEndOnItsDeviceAlone) {
  for (const at::DeviceType device : {at::kCUDA, at::kCPU}) {
    const at::DeviceType other = device == at::kCPU ? at::kCUDA : at::kCPU;
    for (const auto& [precision, type] : {std::pair{Precision::kBFloat16, at::kBFloat16},
                                          std::pair{Precision::kFloat16, at::kHalf}}) {
      PrecisionScope scope(precision, {device, 0});
      EXPECT_TRUE(casts(device));
      EXPECT_FALSE(casts(other));
      EXPECT_EQ(at::autocast::get_autocast_dtype(device), type);
      scope.end();
      EXPECT_FALSE(casts(device));
    }
    { const PrecisionScope scope(Precision::kBFloat16, {device, 0}); }
    EXPECT_FALSE(casts(device));
  }
}

TEST(PrecisionScope, DoesNothingInFloat32) {
  const PrecisionScope scope(Precision::kFloat32, {at::kCUDA, 0});
  EXPECT_FALSE(casts(at::kCUDA));
}

TEST(PrecisionScope, MakesProductsOfItsTypeOnACpu) {
  const at::Tensor weight = at::rand({3, 4}).requires_grad_();
  PrecisionScope scope(Precision::kFloat16, at::kCPU);
  const at::Tensor y = at::linear(at::rand({2, 4}), weight);
  EXPECT_EQ(y.scalar_type(), at::kHalf);
  scope.end();
  y.sum().backward();
  EXPECT_EQ(weight.grad().scalar_type(), at::kFloat);
}

}  // namespace
}  // namespace larkspur::pipeline
