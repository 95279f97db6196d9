// SPDX-License-Identifier: Apache-2.0
#include "model3d/points/point_to_image.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/finite_difference.h"
#include "tests/support/golden_formula.h"
#include "tests/support/refusal.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;
using larkspur::testing::refusal_of;

struct Drawing {
  Drawing() : layer({.size = 9, .channels = 8, .neighbours = 6}) {
    layer.add_to(StateDict(&entries));
    draw_weights(entries, 5);
  }

  PointToImage layer;
  std::vector<NamedTensor> entries;
};

TEST(PointToImage, DrawsThreePicturesWithinThePaletteOfImageNet) {
  const at::NoGradGuard no_grad;
  const Drawing drawing;
  const at::Tensor pictures = drawing.layer.forward(golden_noise("points", {2, 50, 3}));
  ASSERT_EQ(pictures.sizes(), (at::IntArrayRef{2, 3, 3, 9, 9}));
  const at::Tensor mean = at::tensor({0.485, 0.456, 0.406}).view({3, 1, 1});
  const at::Tensor deviation = at::tensor({0.229, 0.224, 0.225}).view({3, 1, 1});
  const at::Tensor colours = pictures * deviation + mean;
  EXPECT_GT(colours.min().item<double>(), 0.0);
  EXPECT_LT(colours.max().item<double>(), 1.0);
  EXPECT_GT(colours.std().item<double>(), 0.01) << "blind to its points";
}

TEST(PointToImage, DoesNotAskForAnOrderOfPoints) {
  const at::NoGradGuard no_grad;
  const Drawing drawing;
  const at::Tensor points = golden_noise("points", {1, 40, 3});
  const at::Tensor pictures = drawing.layer.forward(points);
  EXPECT_TRUE(drawing.layer.forward(points.flip({1})).allclose(pictures, 1e-4, 1e-5));
  EXPECT_FALSE(drawing.layer.forward(points.flip({2})).allclose(pictures, 1e-2, 1e-2));
}

TEST(PointToImage, LearnsFromOnePointAndFromPointsInOnePlace) {
  for (const at::Tensor& points : {golden_noise("one", {2, 1, 3}), at::zeros({2, 20, 3})}) {
    const Drawing drawing;
    const at::Tensor pictures = drawing.layer.forward(points);
    EXPECT_TRUE(pictures.isfinite().all().item<bool>());
    pictures.square().sum().backward();
    for (const NamedTensor& entry : drawing.entries) {
      EXPECT_TRUE(entry.tensor.grad().isfinite().all().item<bool>()) << entry.name;
    }
  }
}

TEST(PointToImage, HasTheGradientOfItsFiniteDifferences) {
  const Drawing drawing;
  std::vector<at::Tensor> leaves;
  for (const NamedTensor& entry : drawing.entries) {
    entry.tensor.set_data(golden_noise(entry.name, entry.tensor.sizes().vec()).to(at::kDouble));
    leaves.push_back(entry.tensor);
  }
  const at::Tensor points = golden_noise("points", {2, 30, 3}).to(at::kDouble);
  const at::Tensor weights = golden_noise("loss", {2, 3, 3, 9, 9}).to(at::kDouble);
  larkspur::testing::expect_directional_derivative(
      leaves, [&] { return (drawing.layer.forward(points) * weights).sum(); });
}

TEST(PointToImage, RefusesOtherShapesByTheName) {
  const Drawing drawing;
  using Shape = std::vector<std::int64_t>;
  for (const Shape& shape : {Shape{2, 0, 3}, Shape{2, 5, 6}, Shape{5, 3}}) {
    EXPECT_THAT(refusal_of([&] { drawing.layer.forward(at::zeros(shape)); }).text,
                ::testing::HasSubstr("is not a batch of points [N,P,3], as form points takes it"));
  }
}

}  // namespace
}  // namespace larkspur::model3d
