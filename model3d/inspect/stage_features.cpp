// SPDX-License-Identifier: Apache-2.0
#include "model3d/inspect/stage_features.h"

#include <algorithm>

namespace larkspur::model3d {
namespace {

/// The feature whose layer this is; "" where a stage goes on.
std::string feature_name(const std::string& layer, const Variant& variant) {
  for (std::size_t stage = 0; stage < kStages; ++stage) {
    if (layer == last_block(variant, stage)) return "stage" + std::to_string(stage + 1);
    if (layer != stem_or_downsample(stage)) continue;
    return stage == 0 ? "stem" : "down" + std::to_string(stage);
  }
  return "";
}

/// What stands before the backbone's own names: "" or "voxel.".
std::string prefix_of(const std::string& layer) {
  return layer.substr(0, std::min(layer.find("downsample_layers."), layer.find("stages.")));
}

}  // namespace

std::vector<StageFeature> stage_features(const Network& network, const pipeline::Batch& batch) {
  const Variant& variant = find_variant(network.options().variant);
  std::vector<StageFeature> features;
  const auto observer = [&](const std::string& layer, const at::Tensor& map) {
    const std::string prefix = prefix_of(layer);
    const std::string name = feature_name(layer.substr(prefix.size()), variant);
    const bool picture = network.form().is_flat(layer);
    if (!name.empty()) features.push_back({prefix + name, picture ? map.squeeze(2) : map});
  };
  const at::Tensor last = network.extractor().forward(batch, {}, observer);
  features.push_back({"head_norm", network.head().normed(last)});
  features.push_back({"logits", network.head().forward(last)});
  return features;
}

}  // namespace larkspur::model3d
