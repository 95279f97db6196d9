// SPDX-License-Identifier: Apache-2.0
#include "model3d/network.h"

#include <ATen/core/grad_mode.h>

#include "model3d/dilated_branches.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

using pipeline::Errc;
using pipeline::require;

BackboneOptions backbone_options(const ModelOptions& options) {
  options.check();
  const Form& form = find_form(options.form);
  return {.variant = find_variant(options.variant),
          .in_channels = form.in_channels,
          .small_taps = form.small_taps,
          .large_taps = options.kernel.value_or(form.kernel),
          .stem_stride = options.stem_stride.value_or(form.stem_stride),
          .drop_path = options.drop_path,
          .layer_scale = options.layer_scale};
}

}  // namespace

void ModelOptions::check() const {
  const Form& known_form = find_form(form);
  find_variant(variant);
  require(classes > 0, Errc::kInvalidArgument, "[model] classes is ", classes, ", not > 0");
  const Extent3 taps = kernel.value_or(known_form.kernel);
  for (const std::int64_t axis_taps : taps) {
    require(axis_taps > 0 && axis_taps % 2 == 1,
            Errc::kInvalidArgument,
            "[model] kernel is ",
            to_text(taps),
            ", not odd on every axis");
  }
  if (largest(taps) >= kFewestLargeTaps) default_branches(taps);
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
