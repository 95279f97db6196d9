// SPDX-License-Identifier: Apache-2.0
// Small networks of the forms for clouds, of pictures and of voxels, and what they look at.
#pragma once

#include <string>

#include <ATen/TensorOperators.h>

#include "model3d/network.h"
#include "tests/support/golden_formula.h"

namespace larkspur::testing {

inline constexpr std::int64_t kClasses = 5;

inline model3d::ModelOptions small(const std::string& form) {
  const bool has_taps_in_depth = form == "voxel" || form == "joint" || form == "cells";
  model3d::ModelOptions options{.form = form,
                                .variant = "micro",
                                .classes = kClasses,
                                .kernel = model3d::Extent3{has_taps_in_depth ? 7 : 1, 7, 7},
                                .stem_stride = 2,
                                .layer_scale = 0.5};
  if (form == "joint") options.view_stem_stride = 2;
  options.drawing_size = 24;
  options.cell_grid = 8;
  return options;
}

inline at::Tensor views(std::int64_t samples, std::int64_t count = 3) {
  return golden_noise("views", {samples, count, 3, 24, 24});
}

inline at::Tensor grids(std::int64_t samples) {
  return golden_noise("grids", {samples, 1, 16, 16, 16}).gt(0.6).to(at::kFloat);
}

/// What form and size ask for; the inputs of a batch of one are the first of a larger one.
inline pipeline::Batch batch_for(const std::string& form, std::int64_t samples) {
  pipeline::Batch batch;
  if (form == "views" || form == "image") batch.inputs["voxels"] = views(samples);
  if (form == "points" || form == "cells")
    batch.inputs["voxels"] = golden_noise("points", {samples, 60, 3});
  if (form == "joint" || form == "voxel") batch.inputs["voxels"] = grids(samples);
  if (form == "joint") batch.inputs["views"] = views(samples);
  for (std::int64_t i = 0; i < samples; ++i) {
    batch.keys.push_back({.seed = 3, .epoch = 1, .sample = static_cast<std::uint32_t>(i)});
  }
  return batch;
}

/// Running statistics far from 0 and 1, weights that let the input through.
inline void fill(const model3d::Network& network, const std::string& prefix = "") {
  fill_by_formula(network.parameters(), prefix);
  for (const auto& statistic : network.statistics()) {
    const at::Tensor noise = golden_noise(prefix + statistic.name, statistic.tensor.sizes().vec());
    const bool variance = statistic.name.ends_with("running_var");
    statistic.tensor.copy_(variance ? 2.01 + 2 * noise : noise);
  }
}

}  // namespace larkspur::testing
