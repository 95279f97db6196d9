// SPDX-License-Identifier: Apache-2.0
#include "launch/config/model_options.h"

#include <algorithm>

#include "launch/config/config_schema.h"
#include "model3d/forms.h"

namespace larkspur::launch {
namespace {

template <typename Choice>
Choice choice_of_word(std::string_view word) {
  const auto words = enum_names(Choice{});
  return static_cast<Choice>(std::ranges::find(words, word) - words.begin());
}

/// What both sides have under one name and in one type, in either direction.
template <typename From, typename To>
void copy_common(const From& from, To& to) {
  to.variant = from.variant;
  to.classes = from.classes;
  to.separable_time = from.separable_time;
  to.time_padding = from.time_padding;
  to.inflation = from.inflation;
  to.last_stride = from.last_stride;
  to.map_pooling = from.map_pooling;
  to.enlarge = from.enlarge;
  to.view_taps = from.view_taps;
  to.drawing_size = from.drawing_size;
  to.cell_grid = from.cell_grid;
  to.drop_path = from.drop_path;
  to.layer_scale = from.layer_scale;
  to.head_scale = from.head_scale;
  to.freeze_stages = from.freeze_stages;
  to.norm_before_downsampling = from.norm_before_downsampling;
}

}  // namespace

model3d::ModelOptions model_options(const RunConfig& config) {
  const ModelConfig model = filled_by_form(config.model);
  model3d::ModelOptions options;
  copy_common(model, options);
  options.form = enum_name(model.form);
  options.cell_channels = readers::VoxelGridOptions{.value = config.data.cells}.channels();
  options.kernel = model.kernel;
  options.stem_stride = model.stem_stride;
  if (model3d::find_form(options.form).temporal_strides) {
    options.temporal_strides = model.temporal_strides;
    options.temporal_taps = model.temporal_taps;
  }
  options.spatial_taps = model.spatial_taps;
  options.view_pooling = enum_name(model.view_pooling);
  if (model.form == ModelForm::kJoint) options.view_stem_stride = model.view_stem_stride;
  options.seed = static_cast<std::uint64_t>(config.seed);
  return options;
}

ModelConfig filled_by_form(const ModelConfig& model) {
  ModelConfig filled = model;
  const model3d::Form& own = model3d::find_form(enum_name(model.form));
  for (std::size_t axis = 0; axis < filled.kernel.size(); ++axis) {
    if (filled.kernel[axis] == 0) filled.kernel[axis] = own.kernel[axis];
  }
  if (filled.stem_stride == 0) filled.stem_stride = own.stem_stride;
  return filled;
}

RunConfig config_of_form(std::string_view form) {
  const model3d::Form& own = model3d::find_form(form);
  RunConfig config;
  ModelConfig& model = config.model;
  model.form = choice_of_word<ModelForm>(form);
  model = filled_by_form(model);
  model.temporal_strides = own.temporal_strides.value_or(model.temporal_strides);
  model.view_stem_stride = model3d::find_form("views").stem_stride;
  return config;
}

RunConfig config_of_network(const model3d::ModelOptions& options) {
  RunConfig config = config_of_form(options.form);
  ModelConfig& model = config.model;
  copy_common(options, model);
  if (options.cell_channels != 1) config.data.cells = readers::VoxelValue::kRich;
  model.kernel = options.kernel.value_or(model.kernel);
  model.stem_stride = options.stem_stride.value_or(model.stem_stride);
  model.temporal_strides = options.temporal_strides.value_or(model.temporal_strides);
  model.temporal_taps = options.temporal_taps.value_or(model.temporal_taps);
  model.spatial_taps = options.spatial_taps.value_or(model.spatial_taps);
  model.view_pooling = choice_of_word<ViewPooling>(options.view_pooling);
  model.view_stem_stride = options.view_stem_stride.value_or(model.view_stem_stride);
  config.seed = static_cast<std::int64_t>(options.seed);
  return config;
}

}  // namespace larkspur::launch
