// SPDX-License-Identifier: Apache-2.0
#include "pipeline/float_input.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "pipeline/data/mix.h"
#include "pipeline/placement.h"

namespace larkspur::pipeline {
namespace {

at::Tensor pictures() {  // [2, 3, 16, 16]: every value in every channel
  return at::arange(2 * 3 * 256, at::kInt).remainder(256).to(at::kByte).view({2, 3, 16, 16});
}

at::Tensor normalised(const at::Tensor& pixels_N3HW) {
  const at::Tensor mean = at::tensor({0.485F, 0.456F, 0.406F}).view({3, 1, 1});
  const at::Tensor deviation = at::tensor({0.229F, 0.224F, 0.225F}).view({3, 1, 1});
  return (pixels_N3HW.to(at::kFloat) / 255.0 - mean) / deviation;
}

TEST(FloatInput, NormalisesPicturesAndClipsToTheBit) {
  EXPECT_TRUE(at::equal(float_input(pictures()), normalised(pictures())));
  const at::Tensor clips = pictures().view({2, 3, 4, 8, 8});
  EXPECT_TRUE(at::equal(float_input(clips).view({2, 3, 16, 16}), normalised(pictures())));
}

TEST(FloatInput, WidensBfloat16AndLeavesTheRestAlone) {
  const at::Tensor input = at::rand({2, 3, 4, 4});
  EXPECT_TRUE(float_input(input).is_same(input));
  EXPECT_TRUE(
      at::equal(float_input(input.to(at::kBFloat16)), input.to(at::kBFloat16).to(at::kFloat)));
}

TEST(FloatInput, IsWhatBatchesBecomeOnTheirDeviceAndWhenTheyAreMixed) {
  Batch batch;
  batch.inputs["clip"] = pictures();
  batch.labels = at::arange(2, at::kLong);
  batch.keys = {{7, 1, 0, 0}, {7, 1, 1, 0}};
  EXPECT_TRUE(at::equal(on_device(batch, at::kCPU).inputs["clip"], normalised(pictures())));
  Batch wide = batch;
  wide.inputs["clip"] = normalised(pictures());
  for (const MixOptions& options : {MixOptions{0.8, 0.0}, MixOptions{0.0, 1.0}}) {
    Batch mixed = batch;
    mix_lane({options}, mixed);
    Batch expected = wide;
    mix_lane({options}, expected);
    EXPECT_TRUE(at::equal(mixed.inputs["clip"], expected.inputs["clip"]));
  }
}

}  // namespace
}  // namespace larkspur::pipeline
