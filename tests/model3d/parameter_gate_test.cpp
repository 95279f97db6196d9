// SPDX-License-Identifier: Apache-2.0
// A network tells the gate of a training pass which part comes next, before that part is used.
#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "model3d/network.h"
#include "tests/support/golden_formula.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;
using ::testing::ElementsAre;

ModelOptions gated(const std::string& form) {
  const bool has_taps_in_depth = form == "voxel" || form == "joint" || form == "cells";
  ModelOptions options{.form = form,
                       .variant = "micro",
                       .classes = 5,
                       .kernel = Extent3{has_taps_in_depth ? 7 : 1, 7, 7},
                       .stem_stride = 2};
  if (form == "joint") options.view_stem_stride = 2;
  options.drawing_size = 24;
  options.cell_grid = 8;
  options.freeze_stages = 1;
  return options;
}

pipeline::Batch two_samples(const std::string& form) {
  pipeline::Batch batch;
  const at::Tensor views = golden_noise("views", {2, 2, 3, 24, 24});
  if (form == "image") batch.inputs["image"] = views.select(1, 0);
  if (form == "views" || form == "joint") batch.inputs[kViewInput] = views;
  if (form == "points" || form == "cells")
    batch.inputs["points"] = golden_noise("points", {2, 60, 3});
  if (form == "voxel" || form == "joint") {
    batch.inputs[kVoxelInput] = golden_noise("grids", {2, 1, 16, 16, 16});
  }
  batch.keys = {{1, 0, 0, 0}, {1, 0, 1, 0}};
  return batch;
}

/// What the gate is told in a pass of a network of this form.
std::vector<std::string> told_parts(Network& network, const std::string& form) {
  std::vector<std::string> told;
  network.set_training_pass({.before_use = [&](const std::string& part) { told.push_back(part); }});
  network.forward(two_samples(form));
  network.set_training_pass({});
  return told;
}

class ParameterGateOfForm : public ::testing::TestWithParam<const char*> {};

TEST_P(ParameterGateOfForm, EveryParameterIsUnderAPartToldOnceInOrderOfUse) {
  Network network(gated(GetParam()));
  network.set_training(true);
  const std::vector<std::string> told = told_parts(network, GetParam());
  std::vector<std::string> used;
  for (const pipeline::Parameter& parameter : network.parameters()) {
    const auto part = std::ranges::find_if(
        told, [&](const std::string& each) { return parameter.name.starts_with(each + "."); });
    ASSERT_NE(part, told.end()) << parameter.name;
    if (used.empty() || used.back() != *part) used.push_back(*part);
  }
  EXPECT_EQ(used, told);
}

TEST_P(ParameterGateOfForm, EvaluationAsksNobody) {
  Network network(gated(GetParam()));
  EXPECT_THAT(told_parts(network, GetParam()), ElementsAre());
}

INSTANTIATE_TEST_SUITE_P(Forms,
                         ParameterGateOfForm,
                         ::testing::Values("image", "voxel", "views", "points", "cells", "joint"),
                         [](const auto& each) { return std::string(each.param); });

TEST(ParameterGate, IsAskedBeforeAPartIsUsed) {
  Network network(gated("voxel"));
  std::vector<std::string> order;
  const pipeline::Batch batch = two_samples("voxel");
  Pass pass{.training = true, .keys = batch.keys};
  pass.how.before_use = [&](const std::string& part) { order.push_back("gate " + part); };
  network.extractor().forward(
      batch, pass, [&](const std::string& layer, const at::Tensor&) { order.push_back(layer); });
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (order[i].starts_with("gate ")) continue;
    const auto asked = std::find_if(order.begin(), order.end(), [&](const std::string& each) {
      return each.starts_with("gate ") && order[i].starts_with(each.substr(5));
    });
    EXPECT_LT(asked - order.begin(), static_cast<std::ptrdiff_t>(i)) << order[i];
  }
  EXPECT_EQ(order[0], "gate downsample_layers.0");
}

}  // namespace
}  // namespace larkspur::model3d
