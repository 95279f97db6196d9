// SPDX-License-Identifier: Apache-2.0
#include "model3d/feature_extractor.h"

#include <ATen/ops/cat.h>

#include "model3d/option_error.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

using pipeline::Errc;
using pipeline::require;

constexpr const char* kVoxels = "voxel";
constexpr const char* kViews = "views";
constexpr const char* kDrawing = "point_to_image";
constexpr const char* kFilling = "point_to_cells";

/// The input of a form that takes one, whatever its name: files for `forward` have none.
const at::Tensor& only_input(const pipeline::Batch& batch) {
  require(
      batch.inputs.size() == 1,
      Errc::kInvalidArgument,
      "[network] inputs ",
      [&] { return batch.inputs.names(); },
      " are given, but only form joint takes two");
  return batch.inputs.only();
}

/// Each sample's key once for each of its views.
std::vector<pipeline::SampleKey> keys_of_views(std::span<const pipeline::SampleKey> keys,
                                               std::int64_t views) {
  std::vector<pipeline::SampleKey> repeated;
  for (const pipeline::SampleKey& key : keys) {
    repeated.insert(repeated.end(), static_cast<std::size_t>(views), key);
  }
  return repeated;
}

/// The same observer, told whose layer it is.
LayerObserver behind(const std::string& prefix, const LayerObserver& observer) {
  if (!observer) return {};
  return [&observer, prefix](const std::string& layer, const at::Tensor& output) {
    observer(prefix + "." + layer, output);
  };
}

/// The same pass, its gate told whose part it is.
Pass under(const std::string& prefix, Pass pass) {
  if (!pass.how.before_use) return pass;
  pass.how.before_use = [gate = pass.how.before_use, prefix](const std::string& part) {
    gate(prefix + "." + part);
  };
  return pass;
}

const BackboneOptions& backbone_of(const MapExtractor& map) {
  return map.backbones().front().backbone->options();
}

}  // namespace

ViewPooling find_view_pooling(std::string_view name) {
  require_option(
      name == "max" || name == "mean", "view_pooling", "\"", name, "\" is none of: max mean");
  return name == "max" ? ViewPooling::kMax : ViewPooling::kMean;
}

at::Tensor MapExtractor::map_features(const at::Tensor& input,
                                      const Pass& pass,
                                      const LayerObserver& observer) const {
  return pooled_map(form_.as_map(input, backbone_.options().in_channels), pass, observer);
}

at::Tensor MapExtractor::pooled_map(const at::Tensor& map,
                                    const Pass& pass,
                                    const LayerObserver& observer) const {
  const at::Tensor last = backbone_.forward(map, pass, observer);
  const at::Tensor mean = last.mean({2, 3, 4});
  return pooling_ == MapPooling::kMean ? mean : at::cat({mean, last.amax({2, 3, 4})}, 1);
}

at::Tensor MapExtractor::forward(const pipeline::Batch& batch,
                                 const Pass& pass,
                                 const LayerObserver& observer) const {
  return map_features(only_input(batch), pass, observer);
}

at::Tensor ViewsExtractor::pooled_features(const at::Tensor& input,
                                           const Pass& pass,
                                           const LayerObserver& observer) const {
  const std::int64_t views = backbone_.form().pictures_of(input);
  const auto keys = keys_of_views(pass.keys, views);
  Pass of_views = pass;
  of_views.keys = keys;
  const at::Tensor features = backbone_.map_features(input, of_views, observer);
  const at::Tensor of_samples = features.view({-1, views, features.size(1)});
  return pooling_ == ViewPooling::kMax ? of_samples.amax(1) : of_samples.mean(1);
}

at::Tensor ViewsExtractor::forward(const pipeline::Batch& batch,
                                   const Pass& pass,
                                   const LayerObserver& observer) const {
  return pooled_features(only_input(batch), pass, observer);
}

CellsExtractor::CellsExtractor(const PointToCellsOptions& filling, MapExtractor map)
    : filling_(filling), map_(std::move(map)) {
  if (backbone_of(map_).freeze_stages == 0) return;
  std::vector<NamedTensor> entries;
  filling_.add_to(StateDict(&entries));
  for (const NamedTensor& entry : entries) entry.tensor.set_requires_grad(false);
}

at::Tensor CellsExtractor::forward(const pipeline::Batch& batch,
                                   const Pass& pass,
                                   const LayerObserver& observer) const {
  const at::Tensor& points = only_input(batch);
  pass.before_use(kFilling);
  const at::Tensor map = filling_.forward(points);
  if (observer) observer(last_block(backbone_of(map_).variant, 0), map);
  return map_.pooled_map(map, pass, observer);
}

void CellsExtractor::add_to(const StateDict& state) const {
  filling_.add_to(state.under(kFilling));
  map_.add_to(state);
}

at::Tensor PointsExtractor::forward(const pipeline::Batch& batch,
                                    const Pass& pass,
                                    const LayerObserver& observer) const {
  const at::Tensor& points = only_input(batch);
  pass.before_use(kDrawing);
  return views_.pooled_features(drawing_.forward(points), pass, observer);
}

void PointsExtractor::add_to(const StateDict& state) const {
  drawing_.add_to(state.under(kDrawing));
  views_.add_to(state);
}

at::Tensor JointExtractor::forward(const pipeline::Batch& batch,
                                   const Pass& pass,
                                   const LayerObserver& observer) const {
  const at::Tensor* const voxels = batch.inputs.find(kVoxelInput);
  const at::Tensor* const views = batch.inputs.find(kViewInput);
  require(voxels != nullptr && views != nullptr && batch.inputs.size() == 2,
          Errc::kInvalidArgument,
          "[network] form joint takes two inputs, voxels [N,1,D,H,W] and views [N,V,3,S,S], not ",
          [&] { return batch.inputs.names(); });
  require(voxels->dim() > 0 && views->dim() > 0 && voxels->size(0) == views->size(0),
          Errc::kInvalidArgument,
          "[network] inputs ",
          voxels->sizes(),
          " and ",
          views->sizes(),
          " are not of as many samples");
  return at::cat({voxels_.map_features(*voxels, under(kVoxels, pass), behind(kVoxels, observer)),
                  views_.pooled_features(*views, under(kViews, pass), behind(kViews, observer))},
                 1);
}

void JointExtractor::add_to(const StateDict& state) const {
  voxels_.add_to(state.under(kVoxels));
  views_.add_to(state.under(kViews));
}

void JointExtractor::merge() {
  voxels_.merge();
  views_.merge();
}

std::vector<NamedBackbone> JointExtractor::backbones() const {
  return {{std::string(kVoxels) + ".", voxels_.backbones().front().backbone},
          {std::string(kViews) + ".", views_.backbones().front().backbone}};
}

}  // namespace larkspur::model3d
