// SPDX-License-Identifier: Apache-2.0
// The gradient of a training step in float64 against central differences, for every kind of
// parameter and for the input, in every form: variant A, three samples, batch statistics.
//
//   <gradient, d>  =  (loss(p + h d) - loss(p - h d)) / 2h  + O(h^2)
//
// The only kinks are those of the ReLU inside squeeze-excite and of edges of points, and of the
// maxima over views and over neighbours of points. A direction that steps over one is known by its
// two differences, of h and of h / 4, that disagree; it is drawn again, and counted.
#include <cmath>
#include <map>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "model3d/network.h"
#include "pipeline/require.h"
#include "tests/support/far_network.h"
#include "tests/support/golden_formula.h"
#include "tests/support/tolerances.h"

namespace larkspur::model3d {
namespace {

constexpr int kDirections = 20;
constexpr int kMostRedrawn = 4;      ///< of kDirections
constexpr double kStep = 1e-5;       ///< of each tensor's root mean square
constexpr double kShortStep = 1e-6;  ///< where maxima have kinks

/// The kind of a parameter; every name has one.
std::string group_of(const std::string& entry) {
  const auto dot = entry.find('.');
  const std::string side = entry.substr(0, dot);
  const std::string name = side == "voxel" || side == "views" ? entry.substr(dot + 1) : entry;
  if (side == "point_to_image" || side == "point_to_cells") return "drawing";
  const auto has = [&](const char* part) { return name.find(part) != std::string::npos; };
  if (name.starts_with("head.")) return "head";
  if (name.starts_with("norm.")) return "layer_norms";
  if (name.starts_with("downsample_layers.")) {
    const bool strided = has(".0.weight") || has(".0.bias") || has(".3.weight") || has(".3.bias");
    return strided ? "strided_convolutions" : "layer_norms";
  }
  if (has("_bn") || has(".norm.") || has(".pwconv2.2.")) return "batch_norms";
  if (has(".lk_origin.")) return "large_kernels";
  if (has(".dwconv.")) return "small_and_dilated_kernels";
  if (has(".se.")) return "squeeze_excite";
  if (has(".pwconv")) return "linear";
  if (has(".act.1.")) return "response_norms";
  return name.ends_with(".gamma") ? "layer_scales" : "unknown";
}

const std::vector<std::string> kParameterGroups{"strided_convolutions",
                                                "layer_norms",
                                                "large_kernels",
                                                "small_and_dilated_kernels",
                                                "batch_norms",
                                                "squeeze_excite",
                                                "linear",
                                                "response_norms",
                                                "layer_scales",
                                                "head",
                                                "input"};

/// What a form's network is shown. A new form is a row. Voxels fill more than one place of the last
/// map: a norm over three samples of one place is so curved that differences of any step disagree.
struct FormCase {
  const char* form;
  std::vector<std::int64_t> input;
  std::vector<std::int64_t> second_input{};
  double step = kStep;
};

/// Points move no gradient: where they lie is not learned.
std::vector<std::string> groups_of_points() {
  std::vector<std::string> groups = kParameterGroups;
  groups.back() = "drawing";
  return groups;
}

void PrintTo(const FormCase& form, std::ostream* out) { *out << form.form; }

using Tensors = std::vector<at::Tensor>;

class Training {
 public:
  explicit Training(const FormCase& form)
      : network_({.form = form.form, .variant = "a", .classes = 5, .drawing_size = 20}) {
    larkspur::testing::move_far(network_);
    larkspur::testing::widen(network_);
    network_.set_training(true);
    batch_.inputs["voxels"] = larkspur::testing::far_input("gradient", form.input).to(at::kDouble);
    batch_.keys.resize(3);
    const ExtractorKind extractor = network_.form().extractor;
    if (extractor != ExtractorKind::kPoints && extractor != ExtractorKind::kCells)
      groups_["input"] = {batch_.inputs["voxels"]};
    if (!form.second_input.empty()) {
      batch_.inputs["views"] =
          larkspur::testing::far_input("second", form.second_input).to(at::kDouble);
      groups_["input"].push_back(batch_.inputs["views"]);
    }
    for (const at::Tensor& input : groups_["input"]) input.requires_grad_(true);
    if (groups_["input"].empty()) groups_.erase("input");
    for (const auto& parameter : network_.parameters()) {
      groups_[group_of(parameter.name)].push_back(parameter.tensor);
    }
  }

  at::Tensor loss() {
    const at::Tensor labels = at::tensor(std::vector<std::int64_t>{1, 4, 2});
    return at::cross_entropy_loss(network_.forward(batch_), labels);
  }

  const std::map<std::string, Tensors>& groups() const { return groups_; }
  const Network& network() const { return network_; }

  double difference(const Tensors& leaves, const Tensors& direction, double step) {
    return (loss_moved(leaves, direction, step) - loss_moved(leaves, direction, -step)) /
           (2 * step);
  }

 private:
  double loss_moved(const Tensors& leaves, const Tensors& direction, double step) {
    for (std::size_t i = 0; i < leaves.size(); ++i) leaves[i].add_(direction[i], step);
    const double value = loss().item<double>();
    for (std::size_t i = 0; i < leaves.size(); ++i) leaves[i].add_(direction[i], -step);
    return value;
  }

  Network network_;
  pipeline::Batch batch_;
  std::map<std::string, Tensors> groups_;
};

/// As large in each tensor as its values.
Tensors direction_of(const Tensors& leaves, const std::string& name) {
  Tensors direction;
  for (const at::Tensor& leaf : leaves) {
    const std::string draw = name + "." + std::to_string(direction.size());
    const at::Tensor noise = larkspur::testing::golden_noise(draw, leaf.sizes().vec());
    direction.push_back(noise.to(at::kDouble) * leaf.square().mean().sqrt());
  }
  return direction;
}

/// A form and a kind of parameter.
class Gradient : public ::testing::TestWithParam<std::tuple<FormCase, std::string>> {};

TEST_P(Gradient, IsThatOfFiniteDifferences) {
  const auto& [form, group] = GetParam();
  Training training(form);
  training.loss().backward();
  const at::NoGradGuard no_grad;
  ASSERT_EQ(training.groups().size(), kParameterGroups.size());
  const Tensors leaves = training.groups().at(group);
  double worst = 0.0;
  int redrawn = 0;
  for (int draw = 0; draw < kDirections + redrawn && redrawn <= kMostRedrawn; ++draw) {
    const auto direction = direction_of(leaves, group + "." + std::to_string(draw));
    double along = 0.0;
    double squares = 0.0;
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      const at::Tensor parts = leaves[i].grad() * direction[i];
      along += parts.sum().item<double>();
      squares += parts.square().sum().item<double>();
    }
    // What directions of this size give, so that one across the gradient asks for no more digits.
    const double scale = std::max(std::abs(along), std::sqrt(squares));
    ASSERT_GT(scale, 1e-6) << "directions that show nothing";
    const double wide = training.difference(leaves, direction, form.step);
    const double error = std::abs(wide - along) / scale;
    const double narrow = error <= larkspur::testing::kDirectionalDerivative
                              ? wide
                              : training.difference(leaves, direction, form.step / 4);
    if (std::abs(wide - narrow) > larkspur::testing::kDirectionalDerivative * scale) {
      ++redrawn;
      continue;
    }
    worst = std::max(worst, error);
    EXPECT_LE(error, larkspur::testing::kDirectionalDerivative)
        << "draw " << draw << ": gradient " << along << ", difference " << wide;
  }
  EXPECT_LE(redrawn, kMostRedrawn) << "directions over a kink";
  RecordProperty("relative_error", pipeline::text_of(worst));
  RecordProperty("redrawn", redrawn);
}

// A constant a channel in front of a norm of the batch changes nothing: what a wrong backward pass
// would show here, no random direction does.
TEST(GradientOfConstants, IsZeroInFrontOfANormOfTheBatch) {
  Training training({"image", {3, 3, 40, 36}});
  training.loss().backward();
  int seen = 0;
  for (const auto& parameter : training.network().parameters()) {
    const bool branch =
        parameter.name.find(".dwconv.") != std::string::npos && parameter.name.ends_with(".bias");
    if (!branch && !parameter.name.ends_with(".act.1.beta")) continue;
    ++seen;
    EXPECT_LT(parameter.tensor.grad().abs().max().item<double>(), 1e-12) << parameter.name;
  }
  EXPECT_GT(seen, 12);
}

std::string gradient_case_name(
    const ::testing::TestParamInfo<std::tuple<FormCase, std::string>>& info) {
  return std::get<0>(info.param).form + ("_" + std::get<1>(info.param));
}

INSTANTIATE_TEST_SUITE_P(Forms,
                         Gradient,
                         ::testing::Combine(::testing::Values(FormCase{"image", {3, 3, 40, 36}}),
                                            ::testing::ValuesIn(kParameterGroups)),
                         gradient_case_name);
INSTANTIATE_TEST_SUITE_P(
    Slow,
    Gradient,
    ::testing::Combine(
        ::testing::Values(FormCase{"raw", {3, 3, 4, 18, 20}},
                          FormCase{"grid", {3, 3, 9, 12, 11}},
                          FormCase{"frames", {3, 3, 3, 33, 31}},
                          FormCase{"clip", {3, 3, 3, 20, 24}},
                          FormCase{"differences", {3, 3, 3, 20, 24}},
                          FormCase{"voxel", {3, 1, 17, 13, 15}},
                          FormCase{"views", {3, 2, 3, 36, 40}, {}, kShortStep},
                          FormCase{"joint", {3, 1, 13, 9, 11}, {3, 2, 3, 36, 40}, kShortStep}),
        ::testing::ValuesIn(kParameterGroups)),
    gradient_case_name);
INSTANTIATE_TEST_SUITE_P(
    SlowPoints,
    Gradient,
    ::testing::Combine(::testing::Values(FormCase{"points", {3, 12, 3}, {}, kShortStep},
                                         FormCase{"cells", {3, 40, 3}, {}, kShortStep}),
                       ::testing::ValuesIn(groups_of_points())),
    gradient_case_name);

}  // namespace
}  // namespace larkspur::model3d
