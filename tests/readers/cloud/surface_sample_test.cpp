// SPDX-License-Identifier: Apache-2.0
#include "readers/cloud/surface_sample.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "readers/cloud/voxel_grid.h"
#include "readers/format/npy_file.h"
#include "readers/format/off_file.h"
#include "tests/readers/write_file.h"

namespace larkspur::readers {
namespace {

using pipeline::CounterRng;
using pipeline::Purpose;

CounterRng surface_rng(std::uint32_t sample) { return {{17, 0, sample, 0}, Purpose::kSurface}; }

// Triangles of areas 1, 2, 4, ... apart from each other along x: triangle i covers [10i, 10i + 1].
Mesh staircase(int triangles) {
  Mesh mesh;
  for (std::int32_t i = 0; i < triangles; ++i) {
    const double x = 10.0 * i;
    const double height = 2.0 * std::exp2(i);
    mesh.vertices.push_back({x, 0, 1});
    mesh.vertices.push_back({x + 1, 0, 1});
    mesh.vertices.push_back({x, height, 1});
    mesh.triangles.push_back({3 * i, 3 * i + 1, 3 * i + 2});
  }
  return mesh;
}

std::vector<double> hits_along_x(const at::Tensor& points, std::size_t bins) {
  std::vector<double> hits(bins);
  for (std::int64_t i = 0; i < points.size(0); ++i) {
    ++hits[static_cast<std::size_t>(points[i][0].item<float>() / 10.0F)];
  }
  return hits;
}

TEST(SurfaceSample, DrawsTrianglesByTheirArea) {
  CounterRng rng = surface_rng(0);
  const std::int64_t draws = 30000;
  const std::vector<double> hits = hits_along_x(sample_surface(staircase(5), draws, rng), 5);
  double chi_square = 0.0;
  for (std::size_t i = 0; i < 5; ++i) {
    const double expected = static_cast<double>(draws) * std::exp2(i) / 31.0;
    chi_square += (hits[i] - expected) * (hits[i] - expected) / expected;
  }
  EXPECT_LT(chi_square, 18.47);  // 99.9 % point of four degrees of freedom
}

// The triangle cut at half of each side: four alike, each with a quarter of the points.
TEST(SurfaceSample, DrawsEvenlyInsideATriangle) {
  CounterRng rng = surface_rng(1);
  Mesh mesh;
  mesh.vertices = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}};
  mesh.triangles = {{0, 1, 2}};
  const at::Tensor points = sample_surface(mesh, 40000, rng);
  const auto places = points.accessor<float, 2>();
  std::array<double, 4> hits{};
  for (std::int64_t i = 0; i < points.size(0); ++i) {
    const float x = places[i][0];
    const float y = places[i][1];
    ++hits[x > 0.5F ? 0 : y > 0.5F ? 1 : x + y < 0.5F ? 2 : 3];
  }
  double chi_square = 0.0;
  for (const double count : hits) chi_square += (count - 10000) * (count - 10000) / 10000;
  EXPECT_LT(chi_square, 16.27);  // 99.9 % point of three degrees of freedom
}

TEST(SurfaceSample, PutsEveryPointOnTheSurface) {
  CounterRng rng = surface_rng(2);
  const at::Tensor points = sample_surface(staircase(4), 500, rng);
  ASSERT_EQ(points.sizes(), (std::vector<std::int64_t>{500, 3}));
  for (std::int64_t i = 0; i < 500; ++i) {
    const double x = points[i][0].item<float>();
    const double y = points[i][1].item<float>();
    const double step = std::floor(x / 10.0);
    const double across = x - 10.0 * step;
    EXPECT_LE(across + y / (2.0 * std::exp2(step)), 1.0 + 1e-6);
    EXPECT_GE(std::min(across, y), 0.0);
    EXPECT_EQ(points[i][2].item<float>(), 1.0F);
  }
}

TEST(SurfaceSample, NeverDrawsATriangleWithoutArea) {
  CounterRng rng = surface_rng(3);
  Mesh mesh = staircase(1);
  for (const double x : {50.0, 51.0, 52.0}) mesh.vertices.push_back({x, 0, 0});
  mesh.triangles = {{3, 4, 5}, {0, 1, 2}, {4, 4, 4}, {3, 4, 5}};
  EXPECT_LE(sample_surface(mesh, 2000, rng).select(1, 0).max().item<float>(), 1.0F);
}

TEST(SurfaceSample, FallsBackToUsedVerticesWhereThereIsNoArea) {
  CounterRng rng = surface_rng(4);
  Mesh mesh;
  mesh.vertices = {{9, 9, 9}, {1, 0, 0}, {2, 0, 0}, {9, 9, 9}};
  mesh.triangles = {{1, 2, 2}};
  const at::Tensor x = sample_surface(mesh, 200, rng).select(1, 0);
  EXPECT_EQ(x.min().item<float>(), 1.0F);
  EXPECT_EQ(x.max().item<float>(), 2.0F);
  mesh.triangles.clear();
  EXPECT_EQ(sample_surface(mesh, 200, rng).max().item<float>(), 9.0F);
}

TEST(SurfaceSample, DependsOnTheGeneratorAlone) {
  CounterRng first = surface_rng(5);
  CounterRng again = surface_rng(5);
  CounterRng other = surface_rng(6);
  const Mesh mesh = staircase(3);
  const at::Tensor points = sample_surface(mesh, 100, first);
  EXPECT_TRUE(at::equal(points, sample_surface(mesh, 100, again)));
  EXPECT_FALSE(at::equal(points, sample_surface(mesh, 100, other)));
}

TEST(SurfaceSample, RefusesAMeshWithoutVertices) {
  CounterRng rng = surface_rng(7);
  EXPECT_THROW(sample_surface(Mesh{}, 10, rng), pipeline::Error);
  EXPECT_THROW(sample_surface(staircase(1), -1, rng), pipeline::Error);
}

// A cloud that others drew on the same mesh lies where ours does: each of their points has one of
// ours nearby once both fill the unit sphere.
TEST(SurfaceSample, AgreesWithPublishedCloudsOfTheSameMeshes) {
  const auto folder = testing::real_data("modelnet40_off");
  if (!folder) GTEST_SKIP() << "LARKSPUR_REAL_DATA names no folder of real data";
  for (const char* shape :
       {"bed/train/bed_0043", "table/train/table_0002", "sofa/train/sofa_0020"}) {
    CounterRng rng = surface_rng(8);
    const std::string name(shape);
    const Mesh mesh = read_off(*folder / (name + ".off")).value();
    const at::Tensor ours = normalise_unit_sphere(sample_surface(mesh, 4096, rng));
    const at::Tensor theirs = read_npy(*folder / "paired_npy" / (name + ".npy")).value();
    const at::Tensor gaps = (theirs.unsqueeze(1) - ours.unsqueeze(0)).square().sum(2).amin({1});
    EXPECT_LT(gaps.sqrt().mean().item<float>(), 0.04F) << name;
  }
}

}  // namespace
}  // namespace larkspur::readers
