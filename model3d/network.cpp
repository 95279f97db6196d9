// SPDX-License-Identifier: Apache-2.0
#include "model3d/network.h"

#include <ATen/core/grad_mode.h>

#include "model3d/depthwise/dilated_branches.h"
#include "model3d/layer_groups.h"
#include "model3d/option_error.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

using pipeline::Errc;
using pipeline::require;

/// Whether a map of the form has D, and D is not time.
bool has_depth(const Form& form) { return form.small_taps[0] > 1 && !form.temporal_strides; }

StageTaps stage_taps(const ModelOptions& options, const Form& form) {
  StageTaps taps = in_every_stage(options.kernel.value_or(form.kernel));
  for (std::size_t stage = 0; stage < taps.size(); ++stage) {
    const auto set = [&](const std::optional<Extent3>& told, std::size_t axis) {
      if (told && (*told)[stage] != 0) taps[stage][axis] = (*told)[stage];
    };
    if (form.temporal_strides) set(options.temporal_taps, 0);
    if (has_depth(form)) set(options.spatial_taps, 0);
    set(options.spatial_taps, 1);
    set(options.spatial_taps, 2);
  }
  return taps;
}

std::optional<TimeAxis> time_axis(const ModelOptions& options, const Form& form) {
  if (!form.temporal_strides) return std::nullopt;
  return TimeAxis{options.temporal_strides.value_or(*form.temporal_strides),
                  options.time_padding,
                  options.separable_time};
}

bool is_stride_of_stem(std::int64_t stride) { return stride == 2 || stride == 4; }

void check_odd(const char* field, const Extent3& taps, std::int64_t fewest) {
  for (const std::int64_t axis_taps : taps) {
    require_option(axis_taps % 2 == 1 || (axis_taps == 0 && fewest == 0),
                   field,
                   to_text(taps),
                   " holds ",
                   axis_taps,
                   ", which is not odd");
  }
}

void check_kernel(const ModelOptions& options, const Form& form) {
  const Extent3 kernel = options.kernel.value_or(form.kernel);
  check_odd("kernel", kernel, 1);
  check_odd("temporal_taps", options.temporal_taps.value_or(Extent3{}), 0);
  check_odd("spatial_taps", options.spatial_taps.value_or(Extent3{}), 0);
  require_option(options.view_taps == 0 || options.view_taps % 2 == 1,
                 "view_taps",
                 options.view_taps,
                 " is not odd");
  require_option(form.small_taps[0] > 1 || kernel[0] == 1,
                 "kernel",
                 to_text(kernel),
                 ": form ",
                 form.name,
                 " has two axes, the first must be 1, not ",
                 kernel[0]);
  for (const Extent3& taps : stage_taps(options, form)) {
    const Extent3 in_space{1, taps[1], taps[2]};
    const Extent3& branched = options.separable_time ? in_space : taps;
    if (largest(branched) >= kFewestLargeTaps) default_branches(branched);
  }
}

void check_time(const ModelOptions& options) {
  require_option(
      options.inflation == Inflation::kCentre || options.time_padding == TimePadding::kReplicate,
      "inflation",
      "mean needs time_padding replicate: beside zeros the ends of a clip would lack the share of "
      "the taps that hang over");
  const TemporalStrides strides = options.temporal_strides.value_or(TemporalStrides{1, 1, 1, 1});
  for (std::size_t place = 0; place < strides.size(); ++place) {
    const bool stem = place == 0;
    require_option(strides[place] == 1 || strides[place] == 2 || (stem && strides[place] == 4),
                   "temporal_strides",
                   strides[place],
                   stem ? " is not 1, 2 or 4, as the stem's must be"
                        : " is not 1 or 2, as those behind the stem must be");
  }
}

void check_views(const ModelOptions& options) {
  find_view_pooling(options.view_pooling);
  const std::int64_t stride = options.view_stem_stride.value_or(4);
  require_option(is_stride_of_stem(stride), "view_stem_stride", stride, " is not 2 or 4");
  require_option(options.drawing_size >= 1, "drawing_size", options.drawing_size, " is not >= 1");
}

}  // namespace

BackboneOptions backbone_options(const ModelOptions& options) {
  options.check();
  const Form& form = find_form(options.form);
  const Variant& variant = find_variant(options.variant);
  const bool on_points = form.extractor == ExtractorKind::kCells;
  return {.variant = variant,
          .in_channels = on_points ? variant.dims.front() : input_channels(options),
          .first_stage = on_points ? 1U : 0U,
          .small_taps = form.small_taps,
          .stage_taps = stage_taps(options, form),
          .stem_stride = options.stem_stride.value_or(form.stem_stride),
          .drawn_stem_bias = form.layout == Layout::kDifferences,
          .last_stride = options.last_stride,
          .time = time_axis(options, form),
          .drop_path = options.drop_path,
          .layer_scale = options.layer_scale,
          .norm_before_downsampling = options.norm_before_downsampling,
          .freeze_stages = options.freeze_stages};
}

std::int64_t input_channels(const ModelOptions& options) {
  const Form& form = find_form(options.form);
  return has_depth(form) && form.extractor != ExtractorKind::kCells ? options.cell_channels
                                                                    : form.in_channels;
}

PointToCellsOptions cells_options(const ModelOptions& options) {
  const Variant& variant = find_variant(options.variant);
  return {.grid = options.cell_grid,
          .channels = variant.dims.front(),
          .blocks = 1 + variant.depths.front()};
}

ViewsExtractor make_views(const ModelOptions& options, std::int64_t first_block = 0) {
  BackboneOptions backbone = backbone_options(options);
  backbone.first_block = first_block;
  return {find_form(options.form), backbone, find_view_pooling(options.view_pooling)};
}

std::unique_ptr<FeatureExtractor> make_extractor(const ModelOptions& options) {
  options.check();
  const Form& form = find_form(options.form);
  switch (form.extractor) {
    case ExtractorKind::kViews:
    case ExtractorKind::kFrames:
      return std::make_unique<ViewsExtractor>(make_views(options));
    case ExtractorKind::kPoints:
      return std::make_unique<PointsExtractor>(PointToImageOptions{.size = options.drawing_size},
                                               make_views(options));
    case ExtractorKind::kCells:
      return std::make_unique<CellsExtractor>(
          cells_options(options),
          MapExtractor(form, backbone_options(options), options.map_pooling));
    case ExtractorKind::kJoint: {
      const ModelOptions voxels = side_of(options, "voxel");
      return std::make_unique<JointExtractor>(
          MapExtractor(find_form("voxel"), backbone_options(voxels)),
          make_views(side_of(options, "views"), find_variant(options.variant).blocks()));
    }
    case ExtractorKind::kMap:
      break;
  }
  return std::make_unique<MapExtractor>(form, backbone_options(options), options.map_pooling);
}

ModelOptions side_of(const ModelOptions& joint, std::string_view form) {
  ModelOptions side = joint;
  side.form = form;
  side.view_stem_stride.reset();
  side.view_taps = 0;
  if (side.form != "views") return side;
  if (side.kernel) (*side.kernel)[0] = 1;
  if (joint.view_taps != 0) side.kernel = Extent3{1, joint.view_taps, joint.view_taps};
  side.stem_stride = joint.view_stem_stride;
  return side;
}

void ModelOptions::check() const {
  const Form& known_form = find_form(form);
  find_variant(variant);
  require_option(classes > 0, "classes", classes, " is not > 0");
  require_option(cell_channels > 0, "cell_channels", cell_channels, " is not > 0");
  check_time(*this);
  check_kernel(*this, known_form);
  check_views(*this);
  const std::int64_t stride = stem_stride.value_or(known_form.stem_stride);
  require_option(is_stride_of_stem(stride), "stem_stride", stride, " is not 2 or 4");
  require_option(
      last_stride == 1 || last_stride == 2, "last_stride", last_stride, " is not 1 or 2");
  require_option(cell_grid >= 1, "cell_grid", cell_grid, " is not >= 1");
  require_option(drop_path >= 0 && drop_path < 1, "drop_path", drop_path, " is not in [0, 1)");
  require_option(layer_scale > 0, "layer_scale", layer_scale, " is not > 0");
  require_option(head_scale > 0, "head_scale", head_scale, " is not > 0");
  const bool stages = freeze_stages >= 0 && freeze_stages <= static_cast<std::int64_t>(kStages);
  require_option(stages, "freeze_stages", freeze_stages, " is not in [0, ", kStages, "]");
}

Network::Network(const ModelOptions& options)
    : options_(options),
      form_(find_form(options.form)),
      extractor_(make_extractor(options)),
      head_(extractor_->features(), options.classes) {
  draw_weights(entries(), options.seed);
  const at::NoGradGuard no_grad;
  for (const NamedTensor& entry : entries()) {
    if (entry.name.starts_with("head.")) entry.tensor.mul_(options.head_scale);
  }
}

at::Tensor Network::forward(const pipeline::Batch& batch) {
  std::vector<RunningStep> running;
  const Pass pass{
      .training = training_, .keys = batch.keys, .how = training_pass_, .running = &running};
  const at::Tensor features = extractor_->forward(batch, pass);
  step_running_moments(running, 1.0 - kNormMomentum);
  for (const char* part : {"norm", "head"}) pass.before_use(part);
  return head_.forward(features);
}

std::vector<NamedTensor> Network::entries() const {
  std::vector<NamedTensor> entries;
  const StateDict all(&entries);
  extractor_->add_to(all);
  head_.add_to(all);
  return entries;
}

std::vector<pipeline::Parameter> Network::parameters() const {
  const Variant& variant = find_variant(options_.variant);
  std::vector<pipeline::Parameter> parameters;
  for (const NamedTensor& entry : entries()) {
    if (entry.kind == TensorKind::kStatistic) continue;
    parameters.push_back({entry.name,
                          entry.tensor,
                          decays(entry),
                          groups_behind(entry.name, variant),
                          !entry.tensor.requires_grad()});
  }
  return parameters;
}

std::vector<pipeline::Statistic> Network::statistics() const {
  std::vector<pipeline::Statistic> statistics;
  for (const NamedTensor& entry : entries()) {
    if (entry.kind == TensorKind::kStatistic) statistics.push_back({entry.name, entry.tensor});
  }
  return statistics;
}

void Network::set_training(bool training) {
  require(!(training && merged_),
          Errc::kInvalidArgument,
          "[network] a merged network cannot be trained");
  training_ = training;
}

std::unique_ptr<pipeline::Classifier> Network::replica() const {
  require(!merged_, Errc::kInvalidArgument, "[network] a merged network has no replica to train");
  return make_classifier(options_);
}

void Network::merge() {
  extractor_->merge();
  training_ = false;
  merged_ = true;
}

std::unique_ptr<pipeline::Classifier> make_classifier(const ModelOptions& options) {
  return std::make_unique<Network>(options);
}

}  // namespace larkspur::model3d
