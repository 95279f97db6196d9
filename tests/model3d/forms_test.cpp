// SPDX-License-Identifier: Apache-2.0
#include "model3d/forms.h"

#include <array>
#include <cmath>

#include <ATen/ops/sub.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model3d/network.h"
#include "pipeline/error.h"
#include "tests/support/golden_formula.h"
#include "tests/support/refusal.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::golden_noise;
using larkspur::testing::refusal_of;

TEST(Forms, APictureIsAMapOfDepthOne) {
  const at::Tensor picture = at::zeros({2, 3, 8, 6});
  EXPECT_EQ(find_form("image").as_map(picture).sizes(), (at::IntArrayRef{2, 3, 1, 8, 6}));
}

TEST(Forms, AGridIsAMapAlready) {
  const at::Tensor grid = at::zeros({2, 1, 8, 8, 8});
  EXPECT_TRUE(find_form("voxel").as_map(grid).is_same(grid));
}

TEST(Forms, AClipIsAMapAlready) {
  const at::Tensor clip = at::zeros({2, 3, 5, 8, 6});
  EXPECT_TRUE(find_form("clip").as_map(clip).is_same(clip));
}

TEST(Forms, DifferencesAreOfEachFrameAndTheOneBefore) {
  const at::Tensor clip = golden_noise("clip", {2, 3, 5, 4, 6});
  const at::Tensor map = find_form("differences").as_map(clip);
  ASSERT_EQ(map.sizes(), clip.sizes());
  EXPECT_EQ(map.select(2, 0).abs().max().item<float>(), 0.0F);
  for (std::int64_t t = 1; t < 5; ++t) {
    EXPECT_TRUE(map.select(2, t).equal(at::sub(clip.select(2, t), clip.select(2, t - 1)))) << t;
  }
}

/// A square moves over a still ground: of differences nearly all is zero. LayerNorm of zeros alone
/// multiplies gradients by 1 / sqrt(epsilon), 1,000.
TEST(Forms, WhatStandsStillDrivesNoGradientOfDifferences) {
  pipeline::Batch batch;
  at::Tensor clip = at::zeros({2, 3, 8, 32, 32});
  for (std::int64_t t = 0; t < 8; ++t) {
    clip.select(2, t).narrow(2, 8, 8).narrow(3, 2 * t, 8).fill_(1.0);
  }
  batch.inputs["clip"] = clip;
  batch.keys = {{.seed = 3, .sample = 0}, {.seed = 3, .sample = 1}};
  Network network({.form = "differences", .variant = "micro", .classes = 5, .layer_scale = 0.5});
  network.set_training(true);
  network.forward(batch).select(1, 0).sum().backward();
  double squares = 0.0;
  for (const auto& parameter : network.parameters()) {
    squares += parameter.tensor.grad().square().sum().item<double>();
  }
  EXPECT_LT(std::sqrt(squares), 500.0);  // 79; from biases of 0, 100,836
}

/// Where pixel (t, h, w) of every channel is to be found in the picture.
using Place = std::array<std::int64_t, 2> (*)(std::int64_t t, std::int64_t h, std::int64_t w);

/// A clip of 9 frames of 4 x 6; the definitions are those of the golden figures.
void expect_layout(const char* form, Place place) {
  const at::Tensor clip = golden_noise("clip", {2, 3, 9, 4, 6});
  const at::Tensor map = find_form(form).as_map(clip);
  ASSERT_EQ(map.sizes(), (at::IntArrayRef{2, 3, 1, 12, 18}));
  for (std::int64_t t = 0; t < 9; ++t) {
    for (std::int64_t h = 0; h < 4; ++h) {
      for (std::int64_t w = 0; w < 6; ++w) {
        const auto [row, column] = place(t, h, w);
        EXPECT_TRUE(map.select(4, column).select(3, row).select(2, 0).equal(
            clip.select(4, w).select(3, h).select(2, t)))
            << form << " " << t << " " << h << " " << w;
      }
    }
  }
}

TEST(Forms, RawReadsTheMemoryOfAChannelAsOnePicture) {
  expect_layout("raw", [](std::int64_t t, std::int64_t h, std::int64_t w) {
    const std::int64_t flat = (t * 4 + h) * 6 + w;
    return std::array<std::int64_t, 2>{flat / 18, flat % 18};
  });
}

TEST(Forms, GridLaysFramesOutAsTiles) {
  expect_layout("grid", [](std::int64_t t, std::int64_t h, std::int64_t w) {
    return std::array<std::int64_t, 2>{4 * (t / 3) + h, 6 * (t % 3) + w};
  });
}

TEST(Forms, FramesArePicturesOfTheirOwn) {
  const at::Tensor clip = golden_noise("clip", {2, 3, 5, 4, 6});
  const Form& form = find_form("frames");
  const at::Tensor map = form.as_map(clip);
  ASSERT_EQ(map.sizes(), (at::IntArrayRef{10, 3, 1, 4, 6}));
  EXPECT_EQ(form.pictures_of(clip), 5);
  EXPECT_TRUE(map[7].squeeze(1).equal(clip[1].select(1, 2)));
}

TEST(Forms, FramesThatMakeNoSquareAreRefused) {
  for (const char* form : {"raw", "grid"}) {
    const auto refusal = refusal_of([&] { find_form(form).as_map(at::zeros({1, 3, 8, 4, 4})); });
    EXPECT_EQ(refusal.text,
              std::string("[network] form ") + form +
                  " lays frames out in a square: 4, 9, 16, 25, ... of them, not 8");
  }
}

TEST(Forms, TakeTheChannelsOfTheNetworkWhereItHasOthers) {
  const at::Tensor rich = at::zeros({2, 12, 4, 4, 4});
  EXPECT_TRUE(find_form("voxel").as_map(rich, 12).is_same(rich));
  EXPECT_THROW(find_form("voxel").as_map(rich), pipeline::Error);
}

TEST(Forms, RefuseOtherShapesAndNameThem) {
  EXPECT_THAT(
      [] {
        find_form("voxel").as_map(at::zeros({2, 3, 8, 8, 8}));
      },
      ::testing::ThrowsMessage<pipeline::Error>(::testing::HasSubstr("[2, 3, 8, 8, 8]")));
  EXPECT_THAT(
      [] {
        find_form("image").as_map(at::zeros({2, 3, 8, 8, 8}));
      },
      ::testing::ThrowsMessage<pipeline::Error>(::testing::HasSubstr("image")));
}

TEST(Forms, AnUnknownNameIsAnsweredWithAllNames) {
  EXPECT_THAT([] { find_form("mesh"); },
              ::testing::ThrowsMessage<pipeline::Error>(::testing::HasSubstr(
                  "\"mesh\" is none of: voxel image raw grid clip differences")));
}

}  // namespace
}  // namespace larkspur::model3d
