// SPDX-License-Identifier: Apache-2.0
// What a summary says against the authors' counts, the network's own entries, the shapes and the
// memory of real forward passes, and the reach of real gradients.
#include "model3d/inspect/summary.h"

#include <cmath>
#include <map>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <gtest/gtest.h>

#include "tests/support/golden_formula.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;

/// Counts of the authors' model, 1000 classes: parameters_training_form and parameters_deploy_form
/// of the golden files names_<variant>.json. GFLOPs: the model tables of the authors' repository,
/// one product and its sum counted once.
struct Published {
  const char* variant;
  std::int64_t trained;
  std::int64_t merged;
  std::int64_t side;
  double gflops;
};

void PrintTo(const Published& published, std::ostream* out) { *out << published.variant; }

class PublishedVariants : public ::testing::TestWithParam<Published> {};

TEST_P(PublishedVariants, HaveTheAuthorsParametersAndOperations) {
  const Published& published = GetParam();
  const auto summary = summarise({.form = "image", .variant = published.variant, .classes = 1000},
                                 {{3, published.side, published.side}});
  EXPECT_EQ(summary.trained().parameters, published.trained);
  EXPECT_EQ(summary.merged().parameters, published.merged);
  const double giga = static_cast<double>(summary.merged().multiply_adds) / 1e9;
  // Published with one decimal, the last without.
  EXPECT_NEAR(giga, published.gflops, published.gflops < 187 ? 0.051 : 0.51);
  EXPECT_GT(summary.trained().multiply_adds, summary.merged().multiply_adds);
}

INSTANTIATE_TEST_SUITE_P(Summary,
                         PublishedVariants,
                         ::testing::Values(Published{"a", 4649060, 4437300, 224, 0.6},
                                           Published{"f", 6489328, 6235216, 224, 0.9},
                                           Published{"p", 11080520, 10741704, 224, 1.6},
                                           Published{"n", 18818880, 18318560, 224, 2.8},
                                           Published{"t", 31693420, 31037980, 224, 4.9},
                                           Published{"s", 56456704, 55645984, 224, 9.1},
                                           Published{"b", 99089416, 98008456, 384, 47.2},
                                           Published{"l", 220076056, 218454616, 384, 105.4},
                                           Published{"xl", 388690984, 386529064, 384, 187.0}),
                         [](const auto& info) { return std::string(info.param.variant); });

/// A network and an input of odd sizes.
struct Case {
  const char* form;
  std::vector<std::int64_t> sizes;
  bool norm_before = false;
  bool separable = false;
  std::vector<std::int64_t> second{};
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.form; }

std::string name_of(const Case& one) {
  return std::string(one.form) + (one.norm_before ? "_norm_before" : "") +
         (one.separable ? "_separable" : "");
}

class EveryForm : public ::testing::TestWithParam<Case> {
 protected:
  ModelOptions options() const {
    return {.form = GetParam().form,
            .variant = "micro",
            .classes = 7,
            .separable_time = GetParam().separable,
            .drawing_size = 24,
            .norm_before_downsampling = GetParam().norm_before};
  }
  SampleSizes sizes() const { return {GetParam().sizes, GetParam().second}; }
  at::Tensor input() const {
    std::vector<std::int64_t> sizes{2};
    sizes.insert(sizes.end(), GetParam().sizes.begin(), GetParam().sizes.end());
    return golden_noise("input", sizes);
  }
};

/// The rows' names stand for the entries under them; "head" also for "norm".
bool belongs_to(const std::string& entry, const std::string& layer) {
  return entry.starts_with(layer + ".") || (layer == "head" && entry.starts_with("norm."));
}

/// Values of the trained entries of a layer.
std::int64_t values_of(const Network& network, const std::string& layer) {
  std::int64_t values = 0;
  for (const auto& parameter : network.parameters()) {
    if (belongs_to(parameter.name, layer)) values += parameter.tensor.numel();
  }
  return values;
}

/// The same, where a network is more than one backbone over one map.
class SeveralParts : public EveryForm {};

void expect_own_entries(const ModelOptions& options, const SampleSizes& sizes) {
  Network network(options);
  const auto summary = summarise(options, sizes);
  std::int64_t all = 0;
  for (const auto& parameter : network.parameters()) all += parameter.tensor.numel();
  EXPECT_EQ(summary.trained().parameters, all);
  for (const LayerSummary& row : summary.layers) {
    EXPECT_EQ(row.trained.parameters, values_of(network, row.name)) << row.name;
  }
  network.merge();
  for (const LayerSummary& row : summary.layers) {
    EXPECT_EQ(row.merged.parameters, values_of(network, row.name)) << row.name;
  }
}

TEST_P(EveryForm, CountsTheNetworksOwnEntries) { expect_own_entries(options(), sizes()); }

TEST_P(SeveralParts, CountTheNetworksOwnEntries) { expect_own_entries(options(), sizes()); }

/// Products of a layer, from the shapes of its weights and of the maps that went through.
std::int64_t products_of(const Network& network,
                         const std::string& layer,
                         std::int64_t output_places,
                         std::int64_t halfway_places) {
  std::int64_t products = 0;
  for (const auto& parameter : network.parameters()) {
    const std::string& name = parameter.name;
    const bool matrix = parameter.tensor.dim() > 1 && name.ends_with("weight");
    if (!matrix || !belongs_to(name, layer)) continue;
    std::int64_t places = output_places;
    if (name.find(".se.") != std::string::npos || layer == "head") places = 1;
    if (name == "downsample_layers.0.0.weight") places = halfway_places;
    products += parameter.tensor.numel() * places;
  }
  return products;
}

TEST_P(EveryForm, TellsTheShapesOfAForwardPassAndItsProducts) {
  const at::NoGradGuard no_grad;
  const Network network(options());
  const auto summary = summarise(options(), sizes());
  const at::Tensor map = network.form().as_map(input());
  // The first half of every stem here strides by 2 on the axes that have taps.
  std::int64_t halfway = 1;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::int64_t size = map.size(static_cast<std::int64_t>(axis) + 2);
    halfway *= network.form().small_taps[axis] > 1 ? (size + 1) / 2 : size;
  }
  std::size_t row = 0;
  network.backbone().forward(map, {}, [&](const std::string& layer, const at::Tensor& y) {
    ASSERT_LT(row, summary.layers.size());
    const LayerSummary& told = summary.layers[row++];
    EXPECT_EQ(told.name, layer);
    const std::vector<std::int64_t> shape{
        map.size(0), told.channels, told.size[0], told.size[1], told.size[2]};
    EXPECT_EQ(y.sizes().vec(), shape) << layer;
    EXPECT_EQ(
        told.trained.multiply_adds,
        map.size(0) / 2 * products_of(network, layer, y.numel() / y.size(0) / y.size(1), halfway))
        << layer;
  });
  ASSERT_EQ(row + 1, summary.layers.size());
  EXPECT_EQ(summary.layers.back().trained.multiply_adds, products_of(network, "head", 1, 1));
}

/// Bytes of tensors that this thread has asked for and not given back.
class LiveBytes final : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(
      void*, std::int64_t bytes, std::size_t, std::size_t, c10::Device) override {
    live += bytes;
  }
  bool memoryProfilingEnabled() const override { return true; }
  std::int64_t live = 0;
};

TEST_P(EveryForm, TellsWhatATrainingStepKeeps) {
  Network network(options());
  network.set_training(true);
  pipeline::Batch batch;
  batch.inputs["input"] = input();
  batch.keys.resize(2);
  const auto layout = network.form().as_map(batch.inputs["input"]);
  // As a map of the form, then with channels last.
  const bool is_copied =
      layout.data_ptr() != batch.inputs["input"].data_ptr() || layout.size(1) > 1;
  const auto counter = std::make_shared<LiveBytes>();
  at::Tensor logits;
  {
    const c10::DebugInfoGuard counting(c10::DebugInfoKind::PROFILER_STATE, counter);
    logits = network.forward(batch);
  }
  // What was there before: the input, unless it was copied.
  const std::int64_t kept =
      counter->live + (is_copied ? 0 : static_cast<std::int64_t>(batch.inputs["input"].nbytes()));
  const std::int64_t told = 2 * summarise(options(), sizes()).kept_bytes();
  // What is told, to the byte, and what is kept a channel of each map: means, gates, statistics.
  constexpr std::int64_t kPerChannel = 30'000;
  EXPECT_GE(kept, told);
  EXPECT_LE(kept, told + kPerChannel * layout.size(0));
}

INSTANTIATE_TEST_SUITE_P(Summary,
                         EveryForm,
                         ::testing::Values(Case{"voxel", {1, 30, 27, 33}},
                                           Case{"image", {3, 131, 99}},
                                           Case{"image", {3, 96, 96}, true},
                                           Case{"raw", {3, 4, 52, 60}},
                                           Case{"grid", {3, 9, 36, 40}},
                                           Case{"frames", {3, 3, 49, 51}},
                                           Case{"clip", {3, 9, 65, 51}},
                                           Case{"clip", {3, 9, 65, 51}, false, true},
                                           Case{"views", {4, 3, 49, 51}}),
                         [](const auto& info) { return name_of(info.param); });

INSTANTIATE_TEST_SUITE_P(
    Summary,
    SeveralParts,
    ::testing::Values(Case{"joint", {1, 24, 24, 24}, false, false, {3, 3, 32, 32}},
                      Case{"points", {50, 3}},
                      Case{"cells", {50, 3}}),
    [](const auto& info) { return name_of(info.param); });

/// Products of a linear map or a convolution without strides are its weights times its places.
TEST(Summary, CountsTheProductsOfADrawing) {
  constexpr std::int64_t kPoints = 50;
  constexpr std::int64_t kPixels = 3 * 24 * 24;
  const Network network({.form = "points", .variant = "micro", .classes = 2, .drawing_size = 24});
  const std::map<std::string, std::int64_t> places{{"lift", kPoints},
                                                   {"edges.difference", kPoints * 32},
                                                   {"edges.centre", kPoints},
                                                   {"block.0", kPixels},
                                                   {"block.3", kPixels},
                                                   {"colour", kPixels}};
  std::int64_t products = 0;
  for (const auto& parameter : network.parameters()) {
    for (const auto& [layer, count] : places) {
      if (parameter.name != "point_to_image." + layer + ".weight") continue;
      products += parameter.tensor.numel() * count;
    }
  }
  const LayerSummary drawing = summarise_drawing({.size = 24}, kPoints);
  EXPECT_EQ(drawing.merged.multiply_adds, products);
  EXPECT_EQ(drawing.trained.multiply_adds, products);
}

/// A backbone in which a place sees just what taps and strides let it: weights of one, and the two
/// means over the whole map, in squeeze-and-excite and GRN, without effect.
Backbone transparent_backbone(const BackboneOptions& options) {
  Backbone backbone(options);
  std::vector<NamedTensor> entries;
  backbone.add_to(StateDict(&entries));
  for (const NamedTensor& entry : entries) {
    const bool kernel = entry.kind == TensorKind::kDrawn;
    const bool gate = entry.name.find(".se.") != std::string::npos;
    if (kernel) entry.tensor.detach().copy_(golden_noise(entry.name, entry.tensor.sizes().vec()));
    if (kernel && gate) entry.tensor.detach().zero_();
  }
  return backbone;
}

/// First and last input place along `axis` with a gradient of the middle output place of `layer`.
std::pair<std::int64_t, std::int64_t> seen_along(const at::Tensor& gradient, std::int64_t axis) {
  const at::Tensor any = gradient.abs().amax({0, 1}).movedim(axis, 0).flatten(1).amax(1);
  std::pair<std::int64_t, std::int64_t> range{-1, -1};
  for (std::int64_t i = 0; i < any.size(0); ++i) {
    if (any[i].item<double>() == 0) continue;
    if (range.first < 0) range.first = i;
    range.second = i;
  }
  return range;
}

void expect_the_field(const ExtractorPart& part, const std::string& layer) {
  const Backbone backbone = transparent_backbone(part.backbone);
  const at::Tensor x =
      golden_noise("x", {1, part.backbone.in_channels, part.input[0], part.input[1], part.input[2]})
          .requires_grad_(true);
  at::Tensor middle;
  backbone.forward(x, {}, [&](const std::string& name, const at::Tensor& y) {
    if (name != layer) return;
    middle = y.select(4, y.size(4) / 2).select(3, y.size(3) / 2).select(2, y.size(2) / 2);
  });
  // Not squares: behind a LayerNorm their sum is a constant.
  middle.pow(3).sum().backward({}, false, false, at::TensorList(x));
  for (const LayerSummary& row : summarise(part)) {
    if (row.name != layer) continue;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const std::int64_t reach = ((*row.receptive_field)[axis] - 1) / 2;
      const std::int64_t over = row.size[axis] / 2 * row.stride[axis];
      const auto [first, last] = seen_along(x.grad(), static_cast<std::int64_t>(axis));
      EXPECT_EQ(first, std::max<std::int64_t>(0, over - reach)) << layer << " axis " << axis;
      EXPECT_EQ(last, std::min(part.input[axis] - 1, over + reach)) << layer << " axis " << axis;
    }
  }
}

TEST(ReceptiveField, IsWhereGradientsComeFrom) {
  // Stage 2 of pictures, with room to spare; time with a stride of its own; a grid.
  const ExtractorPart picture{
      "",
      backbone_options(
          {.form = "image", .variant = "micro", .classes = 2, .kernel = Extent3{1, 7, 7}}),
      {1, 160, 224}};
  for (const char* layer :
       {"downsample_layers.0", "stages.0.0", "downsample_layers.1", "stages.1.0", "stages.2.1"}) {
    expect_the_field(picture, layer);
  }
  const ExtractorPart clip{"",
                           backbone_options({.form = "clip",
                                             .variant = "micro",
                                             .classes = 2,
                                             .kernel = Extent3{3, 7, 7},
                                             .temporal_strides = TemporalStrides{2, 2, 1, 1}}),
                           {40, 96, 96}};
  for (const char* layer : {"downsample_layers.0", "stages.0.0", "stages.1.0"}) {
    expect_the_field(clip, layer);
  }
  const ExtractorPart grid{
      "",
      backbone_options(
          {.form = "voxel", .variant = "micro", .classes = 2, .kernel = Extent3{7, 7, 7}}),
      {48, 40, 44}};
  expect_the_field(grid, "stages.1.0");
}

TEST(Summary, OfTheLargestVariantTouchesNoMemory) {
  const auto counter = std::make_shared<LiveBytes>();
  const c10::DebugInfoGuard counting(c10::DebugInfoKind::PROFILER_STATE, counter);
  const auto summary =
      summarise({.form = "clip", .variant = "xl", .classes = 400}, {{3, 16, 224, 224}});
  EXPECT_EQ(summary.layers.size(), 4U + 36U + 1U);
  EXPECT_EQ(counter->live, 0);
}

TEST(Summary, CountsAPartOncePerPassAndItsParametersOnce) {
  ExtractorPart part =
      extractor_parts({.form = "image", .variant = "micro", .classes = 2}, {{3, 64, 64}}).front();
  const auto once = summarise(part);
  part.prefix = "views.";
  part.passes = 6;
  const auto often = summarise(part);
  ASSERT_EQ(once.size(), often.size());
  for (std::size_t i = 0; i < once.size(); ++i) {
    EXPECT_EQ(often[i].name, "views." + once[i].name);
    EXPECT_EQ(often[i].trained.parameters, once[i].trained.parameters);
    EXPECT_EQ(often[i].merged.multiply_adds, 6 * once[i].merged.multiply_adds);
    EXPECT_EQ(often[i].kept_bytes, 6 * once[i].kept_bytes);
  }
}

}  // namespace
}  // namespace larkspur::model3d
