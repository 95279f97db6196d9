// SPDX-License-Identifier: Apache-2.0
#include "model3d/network.h"

#include <ATen/core/grad_mode.h>

#include "model3d/dilated_branches.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

using pipeline::Errc;
using pipeline::require;

/// Large taps of stages 2, 3, 4.
std::array<Extent3, 3> large_taps(const ModelOptions& options, const Form& form) {
  const Extent3 kernel = options.kernel.value_or(form.kernel);
  std::array<Extent3, 3> taps{kernel, kernel, kernel};
  for (std::size_t stage = 0; stage < 3 && options.temporal_taps; ++stage) {
    const std::int64_t own = (*options.temporal_taps)[stage];
    if (own != 0) taps[stage][0] = own;
  }
  return taps;
}

std::optional<TimeAxis> time_axis(const ModelOptions& options, const Form& form) {
  if (!form.temporal_strides) return std::nullopt;
  const auto taps = large_taps(options, form);
  return TimeAxis{options.temporal_strides.value_or(*form.temporal_strides),
                  {taps[0][0], taps[1][0], taps[2][0]}};
}

void check_kernel(const ModelOptions& options, const Form& form) {
  for (const Extent3& taps : large_taps(options, form)) {
    for (const std::int64_t axis_taps : taps) {
      require(axis_taps > 0 && axis_taps % 2 == 1,
              Errc::kInvalidArgument,
              "[model] kernel is ",
              to_text(taps),
              ", not odd on every axis");
    }
    require(form.small_taps[0] > 1 || taps[0] == 1,
            Errc::kInvalidArgument,
            "[model] kernel is ",
            to_text(taps),
            ", but form ",
            form.name,
            " has two axes: the first must be 1");
    if (largest(taps) >= kFewestLargeTaps) default_branches(taps);
  }
}

void check_time(const ModelOptions& options, const Form& form) {
  const bool told = options.temporal_strides || options.temporal_taps;
  require(form.temporal_strides || !told,
          Errc::kInvalidArgument,
          "[model] ",
          options.temporal_strides ? "temporal_strides" : "temporal_taps",
          " is told, but form ",
          form.name,
          " has no time axis");
  if (!options.temporal_strides) return;
  const TemporalStrides& strides = *options.temporal_strides;
  for (std::size_t place = 0; place < strides.size(); ++place) {
    const bool stem = place == 0;
    require(strides[place] == 1 || strides[place] == 2 || (stem && strides[place] == 4),
            Errc::kInvalidArgument,
            "[model] temporal_strides holds ",
            strides[place],
            stem ? " for the stem, not 1, 2 or 4" : " for a downsampling, not 1 or 2");
  }
}

}  // namespace

BackboneOptions backbone_options(const ModelOptions& options) {
  options.check();
  const Form& form = find_form(options.form);
  return {.variant = find_variant(options.variant),
          .in_channels = form.in_channels,
          .small_taps = form.small_taps,
          .large_taps = options.kernel.value_or(form.kernel),
          .stem_stride = options.stem_stride.value_or(form.stem_stride),
          .time = time_axis(options, form),
          .drop_path = options.drop_path,
          .layer_scale = options.layer_scale,
          .norm_before_downsampling = options.norm_before_downsampling};
}

void ModelOptions::check() const {
  const Form& known_form = find_form(form);
  find_variant(variant);
  require(classes > 0, Errc::kInvalidArgument, "[model] classes is ", classes, ", not > 0");
  check_time(*this, known_form);
  check_kernel(*this, known_form);
  const std::int64_t stride = stem_stride.value_or(known_form.stem_stride);
  require(stride == 2 || stride == 4,
          Errc::kInvalidArgument,
          "[model] stem_stride is ",
          stride,
          ", not 2 or 4");
  require(drop_path >= 0 && drop_path < 1,
          Errc::kInvalidArgument,
          "[model] drop_path is ",
          drop_path,
          ", not in [0, 1)");
  require(
      layer_scale > 0, Errc::kInvalidArgument, "[model] layer_scale is ", layer_scale, ", not > 0");
  require(
      head_scale > 0, Errc::kInvalidArgument, "[model] head_scale is ", head_scale, ", not > 0");
}

Network::Network(const ModelOptions& options)
    : options_(options),
      form_(find_form(options.form)),
      backbone_(backbone_options(options)),
      head_(find_variant(options.variant).dims.back(), options.classes) {
  draw_weights(entries(), options.seed);
  const at::NoGradGuard no_grad;
  for (const Entry& entry : entries()) {
    if (entry.name.starts_with("head.")) entry.tensor.mul_(options.head_scale);
  }
}

at::Tensor Network::forward(const pipeline::Batch& batch) {
  const Pass pass{.training = training_, .keys = batch.keys};
  return head_.forward(backbone_.forward(form_.as_map(batch.input), pass));
}

std::vector<Entry> Network::entries() const {
  std::vector<Entry> entries;
  const Listing all(&entries);
  backbone_.list(all);
  head_.list(all);
  return entries;
}

std::vector<pipeline::Parameter> Network::parameters() const {
  std::vector<pipeline::Parameter> parameters;
  for (const Entry& entry : entries()) {
    if (entry.kind == EntryKind::kStatistic) continue;
    parameters.push_back({entry.name, entry.tensor, decays(entry)});
  }
  return parameters;
}

std::vector<pipeline::Statistic> Network::statistics() const {
  std::vector<pipeline::Statistic> statistics;
  for (const Entry& entry : entries()) {
    if (entry.kind == EntryKind::kStatistic) statistics.push_back({entry.name, entry.tensor});
  }
  return statistics;
}

void Network::set_training(bool training) {
  require(!(training && merged_),
          Errc::kInvalidArgument,
          "[network] a merged network cannot be trained");
  training_ = training;
}

void Network::merge() {
  backbone_.merge();
  training_ = false;
  merged_ = true;
}

std::unique_ptr<pipeline::Classifier> make_classifier(const ModelOptions& options) {
  return std::make_unique<Network>(options);
}

}  // namespace larkspur::model3d
