// SPDX-License-Identifier: Apache-2.0
// Networks of smaller kernels that start networks of larger ones.
#include "model3d/weights/enlarge.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model3d/weights/weights.h"
#include "tests/support/golden_formula.h"
#include "tests/support/network_file.h"
#include "tests/support/network_logits.h"
#include "tests/support/refusal.h"
#include "tests/support/tolerances.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::file_of;
using larkspur::testing::logits_of;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ModelOptions micro(const std::string& form, const Extent3& kernel, Enlargement enlarge) {
  return {.form = form, .variant = "micro", .classes = 5, .kernel = kernel, .enlarge = enlarge};
}

/// All entries, statistics too, far from where they start.
Network trained_network(const std::string& form, const Extent3& kernel) {
  Network network(micro(form, kernel, Enlargement::kNone));
  larkspur::testing::fill_by_formula(network.parameters());
  larkspur::testing::fill_by_formula(network.statistics());
  return network;
}

void expect_close(const at::Tensor& logits, const at::Tensor& expected) {
  const double largest = expected.abs().max().item<double>();
  EXPECT_LE((logits - expected).abs().max().item<double>(),
            larkspur::testing::kInflatedNetworkRelative * largest);
}

TEST(Enlarge, InTheMiddleAPictureNetworkComputesWhatItDid) {
  Network small = trained_network("image", {1, 7, 7});
  const at::Tensor image = larkspur::testing::golden_image({2, 3, 64, 64});
  for (const std::int64_t taps : {9, 13}) {
    Network large(micro("image", {1, taps, taps}, Enlargement::kCentre));
    const auto loaded = load_weights(large, file_of(small), HeadRule::kLoad);
    EXPECT_THAT(loaded.missing, IsEmpty());
    EXPECT_THAT(loaded.unexpected, IsEmpty());
    EXPECT_GT(loaded.enlarged, 0);
    EXPECT_GT(loaded.silent_branches, 0);
    expect_close(logits_of(large, image), logits_of(small, image));
  }
}

TEST(Enlarge, InTheMiddleAVoxelNetworkComputesWhatItDid) {
  Network small = trained_network("voxel", {7, 7, 7});
  Network large(micro("voxel", {13, 13, 13}, Enlargement::kCentre));
  EXPECT_TRUE(load_weights(large, file_of(small), HeadRule::kLoad).whole());
  const at::Tensor voxels =
      larkspur::testing::golden_image({1, 1, 16, 256}).view({1, 1, 16, 16, 16});
  expect_close(logits_of(large, voxels), logits_of(small, voxels));
}

TEST(Enlarge, PicturesBeginClipsOfLargerKernels) {
  Network small = trained_network("image", {1, 7, 7});
  Network large(micro("clip", {5, 13, 13}, Enlargement::kCentre));
  const auto loaded = load_weights(large, file_of(small), HeadRule::kLoad);
  EXPECT_TRUE(loaded.whole());
  EXPECT_GT(loaded.inflated, loaded.enlarged);
  const at::Tensor image = larkspur::testing::golden_image({2, 3, 64, 64});
  const at::Tensor clip = image.unsqueeze(2).repeat({1, 1, 4, 1, 1});
  expect_close(logits_of(large, clip), logits_of(small, image));
}

/// Three taps over seven: the place of tap i among the three is (i + .5) 3 / 7 - .5, ends held.
TEST(Enlarge, ResizedTapsLieOnTheLinesBetweenTheirs) {
  const at::Tensor kernel =
      at::tensor({1.0, 4.0, -2.0}).view({1, 1, 1, 1, 3}).repeat({1, 1, 3, 3, 1});
  const at::Tensor large = enlarged(kernel, {1, 1, 7, 7, 7}, Enlargement::kResize);
  const double theirs[] = {1.0, 4.0, -2.0};
  for (int tap = 0; tap < 7; ++tap) {
    const double place = std::clamp((tap + 0.5) * 3 / 7 - 0.5, 0.0, 2.0);
    const int below = std::min(1, static_cast<int>(place));
    const double expected = theirs[below] + (place - below) * (theirs[below + 1] - theirs[below]);
    EXPECT_NEAR(large[0][0][2][5][tap].item<double>(), expected, 1e-6) << tap;
  }
}

TEST(Enlarge, OnlyTheLargeKernelIsResized) {
  Network small = trained_network("image", {1, 7, 7});
  const auto file = file_of(small);
  Network large(micro("image", {1, 13, 13}, Enlargement::kResize));
  EXPECT_TRUE(load_weights(large, file, HeadRule::kLoad).whole());
  std::size_t seen = 0;
  for (const NamedTensor& entry : large.entries()) {
    if (entry.name == "stages.1.0.dwconv.dil_conv_k7_2.weight") {
      const at::Tensor theirs = file.tensor("stages.1.0.dwconv.dil_conv_k3_2.weight");
      const at::Tensor middle = entry.tensor.narrow(-1, 2, 3).narrow(-2, 2, 3);
      EXPECT_TRUE(middle.equal(theirs.view(middle.sizes())));
      EXPECT_EQ(entry.tensor.count_nonzero().item<std::int64_t>(),
                theirs.count_nonzero().item<std::int64_t>());
    } else if (entry.name == "stages.1.0.dwconv.lk_origin.weight") {
      const at::Tensor ours = entry.tensor.view({entry.tensor.size(0), 1, 13, 13});
      EXPECT_TRUE(
          ours.equal(enlarged(file.tensor(entry.name), ours.sizes(), Enlargement::kResize)));
    } else {
      continue;
    }
    ++seen;
  }
  EXPECT_EQ(seen, 2U);
}

/// Silent is not dead: the first step moves it.
TEST(Enlarge, ASilentBranchLearns) {
  Network large(micro("image", {1, 13, 13}, Enlargement::kCentre));
  load_weights(large, file_of(trained_network("image", {1, 7, 7})), HeadRule::kLoad);
  large.set_training(true);
  pipeline::Batch batch;
  batch.inputs["input"] = larkspur::testing::golden_image({2, 3, 64, 64});
  batch.keys.resize(2);
  large.forward(batch).square().sum().backward();
  std::size_t seen = 0;
  for (const auto& parameter : large.parameters()) {
    if (!parameter.name.ends_with("dil_bn_k3_5.weight")) continue;
    ++seen;
    EXPECT_EQ(parameter.tensor.abs().max().item<double>(), 0.0) << parameter.name;
    EXPECT_GT(parameter.tensor.grad().abs().max().item<double>(), 0.0) << parameter.name;
  }
  EXPECT_GT(seen, 0U);
}

std::string refused(const Extent3& theirs, const Extent3& ours, Enlargement how) {
  const auto file = file_of(trained_network("image", theirs));
  Network network(micro("image", ours, how));
  return larkspur::testing::refusal_of([&] { load_weights(network, file, HeadRule::kLoad); }).text;
}

TEST(Enlarge, WhatWasNotAskedForIsRefusedAndTheWayNamed) {
  EXPECT_THAT(refused({1, 7, 7}, {1, 13, 13}, Enlargement::kNone),
              HasSubstr("model.enlarge lets smaller kernels begin larger ones"));
}

TEST(Enlarge, AKernelIsNotMadeSmaller) {
  EXPECT_THAT(refused({1, 13, 13}, {1, 7, 7}, Enlargement::kCentre),
              HasSubstr("lk_origin.weight is"));
}

TEST(Enlarge, ABranchWhoseRateTheLargerKernelLacksIsRefusedByName) {
  EXPECT_THAT(refused({1, 13, 13}, {1, 15, 15}, Enlargement::kCentre),
              HasSubstr("no branch of the rate of its stages.1.0.dwconv.dil_bn_k3_4.bias"));
}

}  // namespace
}  // namespace larkspur::model3d
