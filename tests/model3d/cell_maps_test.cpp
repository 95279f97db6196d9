// SPDX-License-Identifier: Apache-2.0
// Networks over maps of cells: several values a voxel, maps that points fill, and what stands at
// their ends.
#include <map>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model3d/inspect/summary.h"
#include "model3d/network.h"
#include "tests/support/golden_formula.h"
#include "tests/support/network_entry.h"
#include "tests/support/refusal.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::entry_of;
using larkspur::testing::golden_noise;
using larkspur::testing::refusal_of;

ModelOptions small_cells(const std::string& form) {
  ModelOptions options;
  options.form = form;
  options.variant = "micro";
  options.classes = 3;
  options.kernel = Extent3{7, 7, 7};
  options.cell_grid = 8;
  options.layer_scale = 0.5;
  return options;
}

void expect_summed_parameters(const Network& network, const SampleSizes& sizes) {
  std::int64_t all = 0;
  for (const auto& parameter : network.parameters()) all += parameter.tensor.numel();
  EXPECT_EQ(summarise(network.options(), sizes).trained().parameters, all);
}

TEST(CellMaps, OfSeveralChannelsPoolMeansAndMaximaOverALastStageOfTheSameSize) {
  const at::NoGradGuard no_grad;
  ModelOptions options = small_cells("voxel");
  options.cell_channels = 12;
  options.last_stride = 1;
  options.map_pooling = MapPooling::kMeanAndMax;
  Network network(options);
  pipeline::Batch batch;
  batch.inputs["voxels"] = golden_noise("cells", {2, 12, 16, 16, 16});
  const at::Tensor last = network.backbone().forward(batch.inputs["voxels"], {});
  EXPECT_EQ(last.sizes().slice(2), (at::IntArrayRef{2, 2, 2}));  // 8 behind the stem, then 4, 2
  const at::Tensor pooled = at::cat({last.mean({2, 3, 4}), last.amax({2, 3, 4})}, 1);
  EXPECT_TRUE(network.forward(batch).equal(network.head().forward(pooled)));
  expect_summed_parameters(network, {{12, 16, 16, 16}});
  batch.inputs["voxels"] = golden_noise("cells", {2, 1, 16, 16, 16});
  EXPECT_THAT(refusal_of([&] { network.forward(batch); }).text,
              ::testing::HasSubstr("is not a batch of 12 channel(s)"));
}

TEST(CellMaps, ThatPointsFillGoThroughABackboneFromStageTwoOn) {
  const at::NoGradGuard no_grad;
  Network network(small_cells("cells"));
  PointToCells filling(cells_options(network.options()));
  std::map<std::string, at::Tensor> own;
  for (const NamedTensor& entry : network.entries()) own[entry.name] = entry.tensor;
  std::vector<NamedTensor> entries;
  filling.add_to(StateDict(&entries).under("point_to_cells"));
  for (const NamedTensor& entry : entries) entry.tensor.copy_(own.at(entry.name));
  pipeline::Batch batch;
  batch.inputs["points"] = golden_noise("cloud", {2, 40, 3});
  const at::Tensor map = filling.forward(batch.inputs["points"]);
  EXPECT_EQ(map.sizes(), (at::IntArrayRef{2, 16, 8, 8, 8}));
  EXPECT_EQ(own.at("downsample_layers.1.0.weight").sizes(), (at::IntArrayRef{32, 16, 1, 1, 1}));
  EXPECT_EQ(own.at("downsample_layers.2.0.weight").sizes(), (at::IntArrayRef{64, 32, 3, 3, 3}));
  const at::Tensor features = network.backbone().forward(map, {}).mean({2, 3, 4});
  EXPECT_TRUE(network.forward(batch).equal(network.head().forward(features)));
  for (const auto& [name, tensor] : own) {
    EXPECT_FALSE(name.starts_with("downsample_layers.0.") || name.starts_with("stages.0.")) << name;
  }
  expect_summed_parameters(network, {{40, 3}});
}

TEST(CellMaps, MixChannelsByOneTapWhereTheyDoNotStride) {
  ModelOptions options = small_cells("cells");
  options.last_stride = 1;
  const Network cells(options);
  EXPECT_EQ(entry_of(cells, "downsample_layers.3.0.weight").sizes(),
            (at::IntArrayRef{128, 64, 1, 1, 1}));
  options.form = "voxel";
  const Network voxels(options);
  EXPECT_EQ(entry_of(voxels, "downsample_layers.3.0.weight").sizes(),
            (at::IntArrayRef{128, 64, 3, 3, 3}));
}

TEST(CellMaps, FreezeWhatFillsThemWithStageOne) {
  for (const std::int64_t frozen : {0, 1}) {
    ModelOptions options = small_cells("cells");
    options.freeze_stages = frozen;
    const Network network(options);
    EXPECT_EQ(entry_of(network, "point_to_cells.edges.0.weight").requires_grad(), frozen == 0);
    EXPECT_TRUE(entry_of(network, "downsample_layers.1.0.weight").requires_grad());
  }
}

TEST(CellMaps, RefuseStridesAndGridsThereAreNot) {
  ModelOptions options = small_cells("cells");
  options.last_stride = 3;
  EXPECT_EQ(refusal_of([&] { options.check(); }).text, "[model] last_stride: 3 is not 1 or 2");
  options.last_stride = 1;
  options.cell_grid = 0;
  EXPECT_EQ(refusal_of([&] { options.check(); }).text, "[model] cell_grid: 0 is not >= 1");
}

}  // namespace
}  // namespace larkspur::model3d
