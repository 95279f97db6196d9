// SPDX-License-Identifier: Apache-2.0
#include "model3d/inspect/summary.h"

#include <algorithm>
#include <utility>

#include <ATen/ops/empty.h>

#include "model3d/depthwise/dilated_branches.h"
#include "model3d/points/splat.h"
#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

constexpr std::int64_t kBytes = 4;            // a float32
constexpr std::int64_t kSplatValues = 8 * 5;  // of a point: 8 links, two numbers and a weight each
constexpr std::int64_t kPerPlace = 2;         // what a LayerNorm keeps of a place: mean, deviation

std::int64_t product(const Extent3& extent) { return extent[0] * extent[1] * extent[2]; }

/// Where the walk through a backbone is: the map, and how its places lie in the input.
struct Position {
  std::int64_t channels;
  Extent3 size;
  Extent3 field{1, 1, 1};
  Extent3 stride{1, 1, 1};

  std::int64_t places() const { return product(size); }
  std::int64_t values() const { return channels * places(); }

  void widen_field(const Extent3& taps) {
    for (std::size_t axis = 0; axis < 3; ++axis) field[axis] += (taps[axis] - 1) * stride[axis];
  }
};

/// A layer under construction.
class Row {
 public:
  Row(const std::string& name, std::string kind, const Position& input, bool fused = false)
      : fused_(fused) {
    row_.name = name;
    row_.kind = std::move(kind);
    keep(input.values());
  }

  /// Something that is the same as trained and merged.
  Row& add(std::int64_t parameters, std::int64_t multiply_adds = 0) {
    row_.trained += {parameters, multiply_adds};
    row_.merged += {parameters, multiply_adds};
    return *this;
  }
  Row& add_trained(std::int64_t parameters, std::int64_t multiply_adds = 0) {
    row_.trained += {parameters, multiply_adds};
    return *this;
  }
  Row& add_merged(std::int64_t parameters, std::int64_t multiply_adds = 0) {
    row_.merged += {parameters, multiply_adds};
    return *this;
  }
  Row& keep(std::int64_t values) {
    row_.kept_bytes += kBytes * values;
    return *this;
  }

  /// By the layers one by one; fused ops compute it again.
  Row& keep_unless_fused(std::int64_t values) { return fused_ ? *this : keep(values); }

  LayerSummary done(const Position& output, std::int64_t passes) const {
    LayerSummary row = row_;
    row.channels = output.channels;
    row.size = output.size;
    row.receptive_field = output.field;
    row.stride = output.stride;
    row.trained.multiply_adds *= passes;
    row.merged.multiply_adds *= passes;
    row.kept_bytes *= passes;
    return row;
  }

 private:
  LayerSummary row_;
  bool fused_;
};

/// A strided convolution with its bias and the LayerNorm behind it.
void add_strided(Row& row, Position& here, const StridedConvOptions& options) {
  const Extent3 taps = taps_of(options);
  const Extent3 stride = stride_of(options);
  here.widen_field(taps);
  here.channels = options.outputs;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    here.size[axis] = (here.size[axis] - 1) / stride[axis] + 1;
    here.stride[axis] *= stride[axis];
  }
  const std::int64_t products = options.inputs * options.outputs * product(taps);
  row.add(products + options.outputs, products * here.places());
  row.add(2 * options.outputs).keep(here.values() + kPerPlace * here.places());
}

LayerSummary stem_row(const ExtractorPart& part, Position& here) {
  const StridedConvOptions total = strided_before(part.backbone, 0);
  Row row(part.prefix + stem_or_downsample(0), "stem", here);
  add_strided(row, here, half_of(total, true));
  row.keep(here.values());  // out of the activation, which is one op with the norm
  add_strided(row, here, half_of(total, false));
  return row.done(here, part.passes);
}

LayerSummary downsampling_row(const ExtractorPart& part, std::size_t stage, Position& here) {
  Row row(part.prefix + stem_or_downsample(stage), "downsampling", here);
  if (has_norm_before(part.backbone, stage)) {
    row.add(2 * here.channels).keep(here.values() + kPerPlace * here.places());
  }
  add_strided(row, here, strided_before(part.backbone, stage));
  return row.done(here, part.passes);
}

/// One kernel with all its axes: as trained a large one has branches, each with a norm of two
/// values a channel; merged it is one kernel with a bias.
void add_dense(Row& row, const Position& here, const Extent3& taps) {
  const std::int64_t kernel = here.channels * product(taps);
  row.add_merged(kernel + here.channels, kernel * here.places());
  row.add_trained(kernel, kernel * here.places());
  if (largest(taps) < kFewestLargeTaps) return;
  row.add_trained(2 * here.channels).keep_unless_fused(here.values());  // the large kernel's norm
  for (const DilatedBranch& branch : default_branches(taps)) {
    const std::int64_t small = here.channels * product(branch.taps);
    row.add_trained(small + 2 * here.channels, small * here.places());
    row.keep_unless_fused(here.values());
  }
}

void add_depthwise(Row& row, const Position& here, const LargeKernelBlockOptions& block) {
  row.keep_unless_fused(here.values());  // what leaves it
  if (!block.separable_time || block.taps[0] == 1) return add_dense(row, here, block.taps);
  add_dense(row, here, {1, block.taps[1], block.taps[2]});
  const std::int64_t kernel = here.channels * block.taps[0];
  row.add(kernel, kernel * here.places());
  row.add_trained(2 * here.channels).keep_unless_fused(here.values());  // its norm
}

LayerSummary block_row(const ExtractorPart& part,
                       const std::string& name,
                       const LargeKernelBlockOptions& block,
                       Position& here) {
  const std::int64_t channels = here.channels;
  const std::int64_t wide = kWiden * channels;
  const std::int64_t inner = channels / kSqueeze;
  const std::int64_t pointwise = channels * wide;
  const bool fused = block.time_padding == TimePadding::kZeros;  // in float32 on the CPU
  Row row(part.prefix + name, "block " + to_text(block.taps), here, fused);
  add_depthwise(row, here, block);
  row.add_trained(2 * channels).keep(here.values());                       // norm
  row.add(2 * channels * inner + inner + channels, 2 * channels * inner);  // squeeze-and-excite
  row.keep_unless_fused(here.values());
  row.add(pointwise + wide, pointwise * here.places());  // linear, wider
  row.keep(wide * here.places());                        // into the activation
  row.add(wide).add_trained(wide);                       // GRN: gamma, then beta
  row.keep_unless_fused(2 * wide * here.places());       // out of either
  row.add(pointwise, pointwise * here.places());         // linear, back
  row.add_merged(channels).keep(here.values());
  row.add_trained(2 * channels).keep_unless_fused(here.values());  // norm
  row.add_trained(channels);                                       // layer scale
  here.widen_field(block.taps);
  return row.done(here, part.passes);
}

}  // namespace

LayerCost& LayerCost::operator+=(const LayerCost& other) {
  parameters += other.parameters;
  multiply_adds += other.multiply_adds;
  return *this;
}

LayerCost NetworkSummary::trained() const {
  LayerCost sum;
  for (const LayerSummary& layer : layers) sum += layer.trained;
  return sum;
}

LayerCost NetworkSummary::merged() const {
  LayerCost sum;
  for (const LayerSummary& layer : layers) sum += layer.merged;
  return sum;
}

std::int64_t NetworkSummary::kept_bytes() const {
  std::int64_t sum = 0;
  for (const LayerSummary& layer : layers) sum += layer.kept_bytes;
  return sum;
}

std::vector<LayerSummary> summarise(const ExtractorPart& part) {
  const Variant& variant = part.backbone.variant;
  Position here{part.backbone.in_channels, part.input};
  std::vector<LayerSummary> layers;
  for (std::size_t stage = part.backbone.first_stage; stage < kStages; ++stage) {
    layers.push_back(stage == 0 ? stem_row(part, here) : downsampling_row(part, stage, here));
    for (std::int64_t index = 0; index < variant.depths[stage]; ++index) {
      const std::string name = block_name(stage, static_cast<std::size_t>(index));
      layers.push_back(block_row(part, name, block_options(part.backbone, stage, index), here));
    }
  }
  return layers;
}

LayerSummary summarise_head(std::int64_t channels, std::int64_t classes) {
  Row row("head", "head", Position{channels, {1, 1, 1}});
  row.add(2 * channels).keep(channels);
  row.add(channels * classes + classes, channels * classes);
  LayerSummary head = row.done(Position{classes, {1, 1, 1}}, 1);
  head.receptive_field.reset();
  return head;
}

LayerSummary summarise_drawing(const PointToImageOptions& options, std::int64_t points) {
  constexpr std::int64_t kWindow = 9;
  const std::int64_t wide = options.channels;
  const std::int64_t edges = points * std::min(options.neighbours, points);
  const std::int64_t pixels = kSplatViews * options.size * options.size;
  Row row("point_to_image", "drawing", Position{3, {1, 1, points}});
  row.add(3 * kLifted + kLifted, 3 * kLifted * points).keep(kLifted * points);  // lift
  row.add(2 * kLifted * wide, kLifted * wide * (edges + points));               // both maps
  row.add(2 * wide).keep((kLifted + wide) * edges).keep(2 * wide * points);     // norm, maximum
  row.keep(wide * pixels);                                                      // the splat
  for (int conv = 0; conv < 2; ++conv) {
    row.add(kWindow * wide * wide + wide, kWindow * wide * wide * pixels).keep(2 * wide * pixels);
  }
  row.add(2 * wide);  // the norm between them
  row.add(kColours * wide + kColours, kColours * wide * pixels).keep(kColours * pixels);
  LayerSummary drawing = row.done(Position{kColours, {1, options.size, options.size}}, 1);
  drawing.receptive_field.reset();
  return drawing;
}

LayerSummary summarise_filling(const PointToCellsOptions& options, std::int64_t points) {
  const std::int64_t wide = options.channels;
  const std::int64_t inner = kPointWiden * wide;
  const std::int64_t edges = points * std::min(options.neighbours, points);
  const std::int64_t grid = options.grid;
  Row row("point_to_cells", "filling", Position{3, {1, 1, points}});
  row.keep(kEdgeInputs * points).keep(2 * edges);  // its neighbours' numbers, twice as wide
  row.add(kEdgeInputs * kEdgeHidden + kEdgeHidden, (2 * kEdgeInputs - 1) * kEdgeHidden * points);
  row.keep(2 * kEdgeHidden * points);
  row.add(kEdgeHidden * wide, kEdgeHidden * wide * edges).keep(wide * points);  // winners
  row.add(2 * wide).keep((wide + kPerPlace) * points);                          // norm
  for (std::int64_t block = 0; block < options.blocks; ++block) {
    row.add(wide * wide, wide * wide * points).keep(2 * wide * points);  // input, winners
    row.add(2 * wide).keep((wide + kPerPlace) * points);                 // norm
    row.add(wide * inner + inner, wide * inner * points).keep(wide * points);
    row.add(2 * inner).keep((inner + kPerPlace) * points);  // norm and activation
    row.add(inner * wide, inner * wide * points).keep(inner * points);
  }
  row.add(2 * wide).keep((wide + kPerPlace) * points);
  row.keep(kSplatValues * points);
  LayerSummary filling = row.done(Position{wide, {grid, grid, grid}}, 1);
  filling.receptive_field.reset();
  return filling;
}

std::vector<ExtractorPart> extractor_parts(const ModelOptions& options, const SampleSizes& sample) {
  const Form& form = find_form(options.form);
  if (form.extractor == ExtractorKind::kJoint) {
    ExtractorPart voxels = extractor_parts(side_of(options, "voxel"), {sample.input}).front();
    ExtractorPart views = extractor_parts(side_of(options, "views"), {sample.second_input}).front();
    voxels.prefix = kVoxelHalf;
    views.prefix = kViewsHalf;
    return {voxels, views};
  }
  const BackboneOptions backbone = backbone_options(options);
  if (form.extractor == ExtractorKind::kPoints) {
    return {{"", backbone, {1, options.drawing_size, options.drawing_size}, kSplatViews}};
  }
  if (form.extractor == ExtractorKind::kCells) {
    return {{"", backbone, {options.cell_grid, options.cell_grid, options.cell_grid}, 1}};
  }
  std::vector<std::int64_t> sizes{1};
  sizes.insert(sizes.end(), sample.input.begin(), sample.input.end());
  // The form's own rule, on a tensor without memory.
  const at::Tensor map = form.as_map(at::empty(sizes, at::device(at::kMeta)), backbone.in_channels);
  return {{"", backbone, {map.size(2), map.size(3), map.size(4)}, map.size(0)}};
}

NetworkSummary summarise(const ModelOptions& options, const SampleSizes& sample) {
  NetworkSummary network;
  std::int64_t features = 0;
  const auto parts = extractor_parts(options, sample);
  const ExtractorKind kind = find_form(options.form).extractor;
  if (kind == ExtractorKind::kPoints || kind == ExtractorKind::kCells) {
    pipeline::require(sample.input.size() == 2 && sample.input[0] > 0 && sample.input[1] == 3,
                      pipeline::Errc::kInvalidArgument,
                      "[summary] form ",
                      options.form,
                      " takes samples [P,3], not ",
                      at::IntArrayRef(sample.input));
    const std::int64_t points = sample.input.front();
    network.layers.push_back(kind == ExtractorKind::kPoints
                                 ? summarise_drawing({.size = options.drawing_size}, points)
                                 : summarise_filling(cells_options(options), points));
  }
  for (const ExtractorPart& part : parts) {
    const auto layers = summarise(part);
    network.layers.insert(network.layers.end(), layers.begin(), layers.end());
    features += part.backbone.variant.dims.back();
  }
  const bool is_map = kind == ExtractorKind::kMap || kind == ExtractorKind::kCells;
  if (is_map && options.map_pooling == MapPooling::kMeanAndMax) features *= 2;
  network.layers.push_back(summarise_head(features, options.classes));
  return network;
}

}  // namespace larkspur::model3d
