// SPDX-License-Identifier: Apache-2.0
#include "model3d/stage_features.h"

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

}  // namespace

std::vector<StageFeature> stage_features(const Network& network, const at::Tensor& input) {
  const Variant& variant = find_variant(network.options().variant);
  const bool pictures = network.form().small_taps[0] == 1;
  std::vector<StageFeature> features;
  const auto watch = [&](const std::string& layer, const at::Tensor& map) {
    const std::string name = feature_name(layer, variant);
    if (!name.empty()) features.push_back({name, pictures ? map.squeeze(2) : map});
  };
  const at::Tensor last = network.backbone().forward(network.form().as_map(input), {}, watch);
  features.push_back({"head_norm", network.head().pooled(last)});
  features.push_back({"logits", network.head().forward(last)});
  return features;
}

}  // namespace larkspur::model3d
