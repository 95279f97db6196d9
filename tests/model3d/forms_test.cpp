// SPDX-License-Identifier: Apache-2.0
#include "model3d/forms.h"

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"

namespace larkspur::model3d {
namespace {

TEST(Forms, APictureIsAMapOfDepthOne) {
  const at::Tensor picture = at::zeros({2, 3, 8, 6});
  EXPECT_EQ(find_form("image").as_map(picture).sizes(), (at::IntArrayRef{2, 3, 1, 8, 6}));
}

TEST(Forms, AGridIsAMapAlready) {
  const at::Tensor grid = at::zeros({2, 1, 8, 8, 8});
  EXPECT_TRUE(find_form("voxel").as_map(grid).is_same(grid));
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
              ::testing::ThrowsMessage<pipeline::Error>(
                  ::testing::HasSubstr("\"mesh\" is none of: voxel image")));
}

}  // namespace
}  // namespace larkspur::model3d
