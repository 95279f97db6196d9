// SPDX-License-Identifier: Apache-2.0
#include "readers/cloud/volume_points.h"

#include <cstdlib>
#include <filesystem>

#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/max_pool3d.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "pipeline/plan/protocol.h"
#include "readers/cloud/cloud_source.h"
#include "readers/cloud/voxel_grid.h"
#include "readers/file_bytes.h"
#include "readers/format/mat_file.h"

namespace larkspur::readers {
namespace {

Volume random_volume(std::int64_t side) {
  const at::Tensor cells = at::rand({side, side, side}).lt(0.1).to(at::kByte);
  cells[0][0][0] = 1;
  return {cells, cells.sum().item<std::int64_t>()};
}

at::Tensor voxels_of(const Volume& volume, std::int64_t grid) {
  return voxelise(cell_centres(volume, grid), {.grid = grid})[0];
}

TEST(CellCentres, BecomeTheGridItselfWithEmptyVoxelsAround) {
  const Volume volume = random_volume(30);
  EXPECT_TRUE(at::equal(voxels_of(volume, 30), volume.cells.to(at::kFloat)));
  EXPECT_TRUE(at::equal(voxels_of(volume, 32),
                        at::constant_pad_nd(volume.cells.to(at::kFloat), {1, 1, 1, 1, 1, 1})));
  EXPECT_TRUE(at::equal(voxels_of(volume, 33),  // the odd one behind
                        at::constant_pad_nd(volume.cells.to(at::kFloat), {1, 2, 1, 2, 1, 2})));
}

TEST(CellCentres, ShareVoxelsOfACoarserGrid) {
  const Volume volume = random_volume(30);
  const at::Tensor cells = volume.cells.to(at::kFloat).view({1, 1, 30, 30, 30});
  EXPECT_TRUE(at::equal(voxels_of(volume, 15), at::max_pool3d(cells, 2)[0][0]));
  EXPECT_TRUE(at::equal(voxels_of(volume, 10), at::max_pool3d(cells, 3)[0][0]));
  // Places of cells i in 20 voxels: floor((2 i + 1) 20 / 60) = 0 1 1 2 3 3 4 ...
  for (std::int64_t i = 0; i < 30; ++i) {
    Volume one{at::zeros({30, 30, 30}, at::kByte), 1};
    one.cells[i][0][0] = 1;
    EXPECT_EQ(voxels_of(one, 20)[(2 * i + 1) * 20 / 60][0][0].item<float>(), 1.0F) << i;
  }
}

TEST(CellCentres, AreInOrderOfZYX) {
  Volume volume{at::zeros({2, 2, 2}, at::kByte), 2};
  volume.cells[0][0][1] = 1;
  volume.cells[1][0][0] = 1;
  const at::Tensor points_N3 = cell_centres(volume, 2);
  EXPECT_EQ(points_N3[0][0].item<float>(), 0.5F);
  EXPECT_EQ(points_N3[0][2].item<float>(), -0.5F);
  EXPECT_EQ(points_N3[1][0].item<float>(), -0.5F);
  EXPECT_EQ(points_N3[1][2].item<float>(), 0.5F);
}

class VolumeSamples : public ::testing::Test {
 protected:
  VolumeSamples() {
    const char* const source = std::getenv("LARKSPUR_SOURCE");
    path_ = std::filesystem::path(source == nullptr ? "." : source) / "tests/data/mat/int8.mat";
    cells_ = parse_mat(read_file(path_).value().view(), "").value();
  }
  pipeline::Inputs inputs(CloudSourceOptions options, std::uint16_t view = 0) const {
    options.voxels.grid = 5;
    options.points = 2;  // of 6 cells
    const CloudSource source({{{"v", path_, 0}}, {"0"}}, options);
    return source.read({.sample = 0, .view = view}).value().inputs;
  }
  at::Tensor grid() const {
    return at::constant_pad_nd(cells_.cells.to(at::kFloat), {1, 1, 1, 1, 1, 1}).unsqueeze(0);
  }

  std::filesystem::path path_;
  Volume cells_;
};

TEST_F(VolumeSamples, AreTheCellsThemselvesWhateverPointsAProtocolTakes) {
  for (const char* const name : {"center", "fixed", "rotate12"}) {
    CloudSourceOptions options;
    options.eval_views = pipeline::find_protocol(name).clouds;
    EXPECT_TRUE(at::equal(inputs(options)["voxels"], grid())) << name;
  }
  CloudSourceOptions turned;
  turned.eval_views = pipeline::find_protocol("rotate12").clouds;  // view 3 of 12: a quarter
  EXPECT_TRUE(at::equal(inputs(turned, 3)["voxels"], grid().rot90(1, {3, 2})));
  CloudSourceOptions training;
  training.training = true;
  training.augmentation = {};
  EXPECT_GT(inputs(training)["voxels"].sum().item<float>(), 2.0F);
}

// Fitted they would be trained at another size than they are scored at.
TEST_F(VolumeSamples, AreTheCellsThemselvesInTrainingThatFitsClouds) {
  CloudSourceOptions training;
  training.training = true;
  training.augmentation.fit = true;
  EXPECT_TRUE(at::equal(inputs(training)["voxels"], grid()));
}

TEST_F(VolumeSamples, AreCloudsOfCentresForWhatVoxelsTellOfPoints) {
  CloudSourceOptions options;
  options.voxels.value = VoxelValue::kRich;
  const at::Tensor rich = inputs(options)["voxels"];
  const at::Tensor points_P3 = inputs({.product = CloudProduct::kPoints})["points"];
  EXPECT_TRUE(at::equal(rich, voxelise(points_P3, {.grid = 5, .value = VoxelValue::kRich})));
  options.training = true;
  const at::Tensor drawn = inputs(options)["voxels"];
  EXPECT_NEAR(drawn[1].expm1().sum().item<float>(), 2.0, 1e-5);  // two of six cells
}

TEST_F(VolumeSamples, AreCloudsOfCentresForOtherProducts) {
  const at::Tensor points_P3 = inputs({.product = CloudProduct::kPoints})["points"];
  EXPECT_EQ(points_P3.sizes(), (std::vector<std::int64_t>{2, 3}));
  EXPECT_NEAR(points_P3.square().sum(1).max().item<float>(), 1.0, 1e-6);
  EXPECT_LE(inputs({.product = CloudProduct::kVoxelsAndViews})["voxels"].sum().item<float>(), 2.0F);
}

}  // namespace
}  // namespace larkspur::readers
