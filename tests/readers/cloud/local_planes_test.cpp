// SPDX-License-Identifier: Apache-2.0
#include "readers/cloud/local_planes.h"

#include <cmath>
#include <tuple>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cdist.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "pipeline/plan/cloud_plan.h"
#include "pipeline/rng.h"
#include "readers/cloud/cloud_transform.h"

namespace larkspur::readers {
namespace {

at::Tensor drawn_points(std::int64_t count, std::uint64_t seed) {
  pipeline::CounterRng rng({seed, 0, 0, 0}, pipeline::Purpose::kSynthetic);
  at::Tensor points = at::empty({count, 3}, at::kFloat);
  for (std::int64_t i = 0; i < 3 * count; ++i) {
    points.data_ptr<float>()[i] = static_cast<float>(rng.normal());
  }
  return points;
}

at::Tensor unit_sphere_of(std::int64_t count) {
  const at::Tensor points = drawn_points(count, 3);
  return points / points.norm(2, {1}, /*keepdim=*/true);
}

// LAPACK's eigenvectors of torch's own neighbours, in float64.
at::Tensor reference_planes(const at::Tensor& points_N3) {
  const at::Tensor points = points_N3.to(at::kDouble);
  const at::Tensor nearest =
      std::get<1>(at::cdist(points, points).topk(kPlaneNeighbours, 1, /*largest=*/false));
  const at::Tensor around = points.index({nearest});
  const at::Tensor centred = around - around.mean({1}, /*keepdim=*/true);
  const at::Tensor covariance = at::matmul(centred.transpose(1, 2), centred) / kPlaneNeighbours;
  const auto [values, vectors] = at::linalg_eigh(covariance);
  const at::Tensor n = vectors.select(2, 0);
  const auto product = [&](int a, int b) { return n.select(1, a) * n.select(1, b); };
  const at::Tensor planarity = (values.select(1, 1) - values.select(1, 0)) / values.select(1, 2);
  return at::stack({product(0, 0),
                    product(1, 1),
                    product(2, 2),
                    product(0, 1),
                    product(0, 2),
                    product(1, 2),
                    planarity},
                   1);
}

TEST(LocalPlanes, AreThoseOfLapackInFloat64) {
  for (const at::Tensor& points : {unit_sphere_of(400), drawn_points(400, 5)}) {
    const at::Tensor found = local_planes(points);
    EXPECT_TRUE(at::allclose(found.to(at::kDouble), reference_planes(points), 1e-5, 1e-5));
  }
}

TEST(LocalPlanes, OfAScaledSphereAreItsTrueNormals) {
  pipeline::CloudPlan plan;
  plan.scale = {0.7, -1.4, 1.0};  // one axis mirrored
  const at::Tensor points = unit_sphere_of(4000);
  const at::Tensor planes = local_planes(transform_cloud(points, plan));
  // Normals of a scaled surface are those of the surface over the scale.
  const at::Tensor turned = points / at::tensor({0.7F, -1.4F, 1.0F});
  const at::Tensor n = turned / turned.norm(2, {1}, true);
  const at::Tensor xx_yy_zz = n * n;
  EXPECT_LT((planes.narrow(1, 0, 3) - xx_yy_zz).abs().mean().item<float>(), 0.02F);
  const at::Tensor xy = n.select(1, 0) * n.select(1, 1);
  EXPECT_LT((planes.select(1, 3) - xy).abs().mean().item<float>(), 0.02F);
}

TEST(LocalPlanes, OfAFlatCloudAreExactAndPlanar) {
  at::Tensor points = drawn_points(300, 9);
  points.select(1, 1).fill_(0.5);
  const at::Tensor planes = local_planes(points);
  const at::Tensor up = at::tensor({0.0F, 1.0F, 0.0F, 0.0F, 0.0F, 0.0F}).expand({300, 6});
  EXPECT_TRUE(at::allclose(planes.narrow(1, 0, 6), up, 0.0, 1e-6));
  EXPECT_GT(planes.select(1, 6).mean().item<float>(), 0.3F);
}

TEST(LocalPlanes, AreFiniteWhateverTheCloud) {
  EXPECT_EQ(local_planes(at::zeros({0, 3})).size(0), 0);
  EXPECT_TRUE(at::equal(local_planes(at::zeros({20, 3}) + 4.0), at::zeros({20, kPlaneValues})));
  at::Tensor line = at::zeros({40, 3});
  line.select(1, 2).copy_(drawn_points(40, 1).select(1, 0));
  for (const at::Tensor& points :
       {line, drawn_points(1, 2), drawn_points(2, 2), drawn_points(3, 2)}) {
    const at::Tensor planes = local_planes(points);
    EXPECT_TRUE(planes.isfinite().all().item<bool>());
    EXPECT_LE(planes.abs().max().item<float>(), 1.0F + 1e-6F);
  }
  EXPECT_LT(local_planes(line).select(1, 6).abs().max().item<float>(), 1e-6F);
  EXPECT_THROW(local_planes(at::zeros({3, 4})), pipeline::Error);
}

}  // namespace
}  // namespace larkspur::readers
