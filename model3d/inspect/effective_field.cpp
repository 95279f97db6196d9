// SPDX-License-Identifier: Apache-2.0
#include "model3d/inspect/effective_field.h"

#include <algorithm>
#include <limits>

#include <ATen/ops/zeros.h>

#include "model3d/inspect/summary.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

using pipeline::Errc;
using pipeline::require;

constexpr double kExponent = 0.25;
constexpr double kWhite = 255.0;

/// y of one sample's map, a scalar with its graph.
at::Tensor sum_in_the_middle(const Network& network, const at::Tensor& map, std::size_t stage) {
  const std::string layer = last_block(find_variant(network.options().variant), stage);
  at::Tensor output;
  network.backbone().forward(map, {}, [&](const std::string& name, const at::Tensor& y) {
    if (name == layer) output = y;
  });
  for (const int axis : {4, 3, 2}) output = output.select(axis, output.size(axis) / 2);
  return output.sum();
}

/// The input place below the middle of the stage's output.
Extent3 middle_below(const Network& network, const at::Tensor& map, std::size_t stage) {
  const BackboneOptions& backbone = network.backbone().options();
  const std::string layer = last_block(backbone.variant, stage);
  Extent3 middle{};
  for (const LayerSummary& row :
       summarise({"", backbone, {map.size(2), map.size(3), map.size(4)}})) {
    if (row.name != layer) continue;
    for (std::size_t axis = 0; axis < 3; ++axis)
      middle[axis] = row.size[axis] / 2 * row.stride[axis];
  }
  return middle;
}

void check_scores(const at::Tensor& scores, double total) {
  require(total > 0 && total <= std::numeric_limits<double>::max(),
          Errc::kInvalidArgument,
          "[effective_field] the scores of ",
          scores.sizes(),
          " places sum to ",
          total,
          ": there is no field to show");
}

/// [first, last) of a window about the middle of an axis.
struct Window {
  std::int64_t first;
  std::int64_t last;
  Window(std::int64_t middle, std::int64_t half, std::int64_t size)
      : first(std::max<std::int64_t>(0, middle - half)), last(std::min(size, middle + half + 1)) {}
};

}  // namespace

EffectiveField effective_field(const Network& network, const at::Tensor& input, std::size_t stage) {
  require(
      stage < kStages, Errc::kInvalidArgument, "[effective_field] stage ", stage, " of ", kStages);
  const ExtractorKind extractor = network.form().extractor;
  require(extractor == ExtractorKind::kMap || extractor == ExtractorKind::kViews,
          Errc::kUnsupported,
          "[effective_field] form ",
          network.form().name,
          " has no single map that all of it looks at");
  const at::Tensor maps = network.form().as_map(input, network.backbone().options().in_channels);
  EffectiveField field;
  field.middle = middle_below(network, maps, stage);
  field.scores_DHW = at::zeros(maps.sizes().slice(2), at::kDouble);
  const std::int64_t samples = maps.size(0);
  for (std::int64_t sample = 0; sample < samples; ++sample) {
    const at::Tensor map = maps.narrow(0, sample, 1)
                               .detach()
                               .to(at::kFloat, false, /*copy=*/true)
                               .requires_grad_(true);
    const at::Tensor y = sum_in_the_middle(network, map, stage);
    y.backward({}, /*retain_graph=*/false, /*create_graph=*/false, at::TensorList(map));
    field.scores_DHW.add_(map.grad().abs().to(at::kCPU, at::kDouble).sum(1).squeeze(0));
  }
  field.scores_DHW.div_(static_cast<double>(samples));
  return field;
}

std::vector<CoveringSquare> covering_squares(const at::Tensor& scores_HW,
                                             std::int64_t middle_row,
                                             std::int64_t middle_column,
                                             std::span<const double> shares) {
  const at::Tensor scores = scores_HW.to(at::kDouble);
  const double total = scores.sum().item<double>();
  check_scores(scores, total);
  const std::int64_t height = scores.size(0);
  const std::int64_t width = scores.size(1);
  std::vector<CoveringSquare> squares;
  for (const double share : shares) {
    CoveringSquare square{share, 1, 0};
    for (std::int64_t half = 0;; ++half) {
      const Window rows(middle_row, half, height);
      const Window columns(middle_column, half, width);
      const std::int64_t tall = rows.last - rows.first;
      const std::int64_t wide = columns.last - columns.first;
      const at::Tensor inside = scores.narrow(0, rows.first, tall).narrow(1, columns.first, wide);
      square.side = 2 * half + 1;
      square.area_ratio = static_cast<double>(tall * wide) / static_cast<double>(height * width);
      const bool whole = tall == height && wide == width;
      if (whole || inside.sum().item<double>() > share * total) break;
    }
    squares.push_back(square);
  }
  return squares;
}

at::Tensor grey_levels(const at::Tensor& scores_HW) {
  const at::Tensor scores = scores_HW.to(at::kDouble);
  check_scores(scores, scores.sum().item<double>());
  return scores.div(scores.max()).pow(kExponent).mul(kWhite).round().to(at::kByte).contiguous();
}

}  // namespace larkspur::model3d
