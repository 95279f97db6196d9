// SPDX-License-Identifier: Apache-2.0
#include "model3d/depthwise/separable_depthwise.h"

#include <map>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model3d/depthwise/dilated_reparam_block.h"
#include "model3d/large_kernel_block.h"
#include "tests/support/finite_difference.h"
#include "tests/support/golden_formula.h"
#include "tests/support/tolerances.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

constexpr std::int64_t kChannels = 8;

std::unique_ptr<DepthwiseLayer> space_of_7() {
  return std::make_unique<DilatedReparamBlock>(
      DilatedReparamOptions{.channels = kChannels, .taps = {1, 7, 7}});
}

SeparableDepthwise layer_of(TimePadding padding) {
  return SeparableDepthwise(space_of_7(), kChannels, 5, padding);
}

std::vector<NamedTensor> entries_of(const SeparableDepthwise& layer) {
  std::vector<NamedTensor> entries;
  layer.add_to(StateDict(&entries));
  return entries;
}

/// Puts entries far from where they start.
void scatter(const SeparableDepthwise& layer) {
  const at::NoGradGuard no_grad;
  for (const NamedTensor& entry : entries_of(layer)) {
    const at::Tensor noise = golden_noise(entry.name, entry.tensor.sizes().vec());
    const bool variance = entry.name.ends_with("running_var");
    entry.tensor.copy_(variance ? 5.01 + 5 * noise : 3 * noise);
  }
}

/// A layer's entries in float64, and the layer written down once more over them by the library.
class Reference {
 public:
  explicit Reference(const SeparableDepthwise& layer) {
    for (const NamedTensor& entry : entries_of(layer)) {
      entries_[entry.name] = entry.tensor.detach().to(at::kDouble).clone();
    }
  }

  const at::Tensor& at(const std::string& name) const { return entries_.at(name); }

  at::Tensor forward(const at::Tensor& x, bool training, TimePadding padding) const {
    const at::Tensor in = x.to(at::kDouble);
    return normed(flat(in, "lk_origin", 3, 1), "origin_bn", training) +
           normed(flat(in, "dil_conv_k5_1", 2, 1), "dil_bn_k5_1", training) +
           normed(flat(in, "dil_conv_k3_2", 2, 2), "dil_bn_k3_2", training) +
           normed(flat(in, "dil_conv_k3_3", 3, 3), "dil_bn_k3_3", training) +
           normed(in_time(in, padding), "time_bn", training);
  }

 private:
  at::Tensor flat(const at::Tensor& x,
                  const std::string& name,
                  std::int64_t zeros,
                  std::int64_t rate) const {
    return at::conv3d(
        x, at(name + ".weight"), {}, {1, 1, 1}, {0, zeros, zeros}, {1, rate, rate}, kChannels);
  }

  at::Tensor in_time(const at::Tensor& x, TimePadding padding) const {
    const at::Tensor& weight = at("time_conv.weight");
    if (padding == TimePadding::kZeros) {
      return at::conv3d(x, weight, {}, {1, 1, 1}, {2, 0, 0}, {1, 1, 1}, kChannels);
    }
    const at::Tensor places = at::arange(-2, x.size(2) + 2).clamp(0, x.size(2) - 1);
    return at::conv3d(
        x.index_select(2, places), weight, {}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}, kChannels);
  }

  at::Tensor normed(const at::Tensor& y, const std::string& norm, bool training) const {
    return at::batch_norm(y,
                          at(norm + ".weight"),
                          at(norm + ".bias"),
                          at(norm + ".running_mean"),
                          at(norm + ".running_var"),
                          training,
                          0.1,
                          1e-5,
                          false);
  }

  std::map<std::string, at::Tensor> entries_;
};

void expect_near(const at::Tensor& seen, const at::Tensor& expected, const std::string& what) {
  const double largest_value = expected.abs().max().item<double>();
  EXPECT_LE((seen - expected).abs().max().item<double>(),
            larkspur::testing::kMergedBlockRelative * largest_value)
      << what;
}

struct Case {
  std::int64_t frames;
  TimePadding padding;
};

void PrintTo(const Case& one, std::ostream* out) {
  *out << one.frames << (one.padding == TimePadding::kZeros ? " zeros" : " replicate");
}

class Separable : public ::testing::TestWithParam<Case> {
 protected:
  Separable() : layer_(layer_of(GetParam().padding)) {
    scatter(layer_);
    input_ = golden_noise("x", {2, kChannels, GetParam().frames, 6, 5});
  }

  SeparableDepthwise layer_;
  at::Tensor input_;
};

TEST_P(Separable, IsTheSumOfItsConvolutionsEachBehindItsNorm) {
  const at::NoGradGuard no_grad;
  const Reference reference(layer_);
  for (const bool training : {false, true}) {
    expect_near(layer_.forward(input_, {.training = training}),
                reference.forward(input_, training, GetParam().padding),
                training ? "training" : "evaluation");
  }
  for (const NamedTensor& entry : entries_of(layer_)) {
    if (entry.kind != TensorKind::kStatistic) continue;
    expect_near(entry.tensor, reference.at(entry.name), entry.name);
  }
}

TEST_P(Separable, MergedIsTheTrainedOneAndWhatFollows) {
  const at::NoGradGuard no_grad;
  const ChannelAffine then{golden_noise("scale", {kChannels}).to(at::kDouble),
                           golden_noise("shift", {kChannels}).to(at::kDouble)};
  const at::Tensor trained =
      layer_.forward(input_, {}) * then.scale.to(at::kFloat).view({-1, 1, 1, 1}) +
      then.shift.to(at::kFloat).view({-1, 1, 1, 1});
  layer_.merge(then);
  expect_near(layer_.forward(input_, {}), trained, "merged");
}

INSTANTIATE_TEST_SUITE_P(Clips,
                         Separable,
                         ::testing::Values(Case{1, TimePadding::kZeros},
                                           Case{3, TimePadding::kZeros},
                                           Case{8, TimePadding::kZeros},
                                           Case{1, TimePadding::kReplicate},
                                           Case{3, TimePadding::kReplicate},
                                           Case{8, TimePadding::kReplicate}));

std::vector<std::string> names_of(const std::vector<NamedTensor>& entries) {
  std::vector<std::string> names;
  for (const NamedTensor& entry : entries) names.push_back(entry.name);
  return names;
}

TEST(SeparableDepthwise, HasTheEntriesOfAPictureAndThoseOfTime) {
  SeparableDepthwise layer = layer_of(TimePadding::kZeros);
  const auto entries = entries_of(layer);
  ASSERT_EQ(entries.size(), 5U * 5U);
  EXPECT_EQ(entries[0].name, "lk_origin.weight");
  EXPECT_EQ(entries[0].tensor.sizes(), (at::IntArrayRef{kChannels, 1, 1, 7, 7}));
  const auto names = names_of(entries);
  EXPECT_THAT(std::vector(names.end() - 5, names.end()),
              ElementsAre("time_conv.weight",
                          "time_bn.weight",
                          "time_bn.bias",
                          "time_bn.running_mean",
                          "time_bn.running_var"));
  EXPECT_EQ(entries[20].tensor.sizes(), (at::IntArrayRef{kChannels, 1, 5, 1, 1}));
  EXPECT_THAT(names, Contains("dil_conv_k3_2.weight"));
}

TEST(SeparableDepthwise, MergesToTwoKernelsAndOneBias) {
  SeparableDepthwise layer = layer_of(TimePadding::kZeros);
  layer.merge({at::ones({kChannels}, at::kDouble), at::zeros({kChannels}, at::kDouble)});
  EXPECT_THAT(names_of(entries_of(layer)),
              ElementsAre("lk_origin.weight", "lk_origin.bias", "time_conv.weight"));
}

TEST(SeparableDepthwise, HasTheGradientOfItsFiniteDifferences) {
  const SeparableDepthwise layer = layer_of(TimePadding::kReplicate);
  scatter(layer);
  std::vector<at::Tensor> leaves{golden_noise("x", {2, kChannels, 3, 5, 4}).requires_grad_(true)};
  leaves[0].set_data(leaves[0].detach().to(at::kDouble));
  for (const NamedTensor& entry : entries_of(layer)) {
    entry.tensor.set_data(entry.tensor.detach().to(at::kDouble));
    if (entry.kind != TensorKind::kStatistic) leaves.push_back(entry.tensor);
  }
  const at::Tensor weights = golden_noise("weights", {2, kChannels, 3, 5, 4}).to(at::kDouble);
  larkspur::testing::expect_directional_derivative(
      leaves, [&] { return (layer.forward(leaves[0], {.training = true}) * weights).sum(); });
}

std::vector<std::string> names_of(const Extent3& taps) {
  std::vector<NamedTensor> entries;
  const LargeKernelBlock block({.channels = 8, .taps = taps, .separable_time = true});
  block.add_to(StateDict(&entries));
  return names_of(entries);
}

TEST(SeparableDepthwise, StandsBesideSmallKernelsTooAndNotWhereTimeHasOneTap) {
  EXPECT_THAT(names_of({3, 5, 5}), Contains("dwconv.weight"));
  EXPECT_THAT(names_of({3, 5, 5}), Contains("dwconv.time_conv.weight"));
  EXPECT_THAT(names_of({1, 7, 7}), Contains("dwconv.lk_origin.weight"));
  EXPECT_THAT(names_of({1, 7, 7}), Not(Contains("dwconv.time_conv.weight")));
}

}  // namespace
}  // namespace larkspur::model3d
