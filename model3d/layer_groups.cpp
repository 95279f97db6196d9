// SPDX-License-Identifier: Apache-2.0
#include "model3d/layer_groups.h"

#include <optional>
#include <regex>

namespace larkspur::model3d {
namespace {

constexpr int kBlocksTogether = 3;

int threes(const Variant& variant) {
  return static_cast<int>((variant.depths[2] + kBlocksTogether - 1) / kBlocksTogether);
}

/// The first group of a stage, from 0; its downsampling is in it.
int first_group(int stage, const Variant& variant) {
  return stage == 3 ? 3 + threes(variant) : stage + 1;
}

/// Stem or stage 1 of form cells, which are on points: edges and the first block, or what is
/// behind.
std::optional<int> group_on_points(const std::string& entry) {
  static const std::regex place(R"(^point_to_cells\.(edges\.|edge_norm\.|blocks\.0\.)?)");
  std::smatch found;
  if (!std::regex_search(entry, found, place)) return std::nullopt;
  return found[1].matched ? 0 : 1;
}

}  // namespace

int layer_groups(const Variant& variant) { return 5 + threes(variant); }

int groups_behind(const std::string& entry, const Variant& variant) {
  static const std::regex place(
      R"((?:^|\.)(?:downsample_layers\.([0-3])|stages\.([0-3])\.(\d+))\.)");
  const int last = layer_groups(variant) - 1;
  if (const auto group = group_on_points(entry)) return last - *group;
  std::smatch found;
  if (!std::regex_search(entry, found, place)) return 0;
  if (found[1].matched) {
    const int stage = std::stoi(found[1]);
    return last - (stage == 0 ? 0 : first_group(stage, variant));
  }
  const int stage = std::stoi(found[2]);
  const int together = stage == 2 ? std::stoi(found[3]) / kBlocksTogether : 0;
  return last - first_group(stage, variant) - together;
}

}  // namespace larkspur::model3d
