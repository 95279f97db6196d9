// SPDX-License-Identifier: Apache-2.0
#include "pipeline/batch.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "tests/support/refusal.h"

namespace larkspur::pipeline {
namespace {

Sample sample(at::IntArrayRef shape, double value, std::int64_t label) {
  return {{{"voxels", at::full(shape, value)}}, {label}};
}

TEST(Batch, StacksSamplesWithTheirLabelsAndKeys) {
  const std::vector<Sample> samples{sample({2, 3}, 1.0, 4), sample({2, 3}, 2.0, 0)};
  const Batch batch = collate(samples, {{1, 0, 8, 0}, {1, 0, 9, 0}}, {{5, 7, "x", Errc::kIo, ""}});
  EXPECT_EQ(batch.inputs["voxels"].sizes(), (std::vector<std::int64_t>{2, 2, 3}));
  EXPECT_EQ(batch.inputs["voxels"][1][0][0].item<float>(), 2.0F);
  EXPECT_EQ(batch.labels[0].item<std::int64_t>(), 4);
  EXPECT_EQ(batch.keys[1].sample, 9U);
  EXPECT_EQ(batch.nominal, 3);
}

TEST(Batch, RefusesSamplesOfDifferentShapes) {
  const std::vector<Sample> samples{sample({2, 3}, 1.0, 4), sample({3, 2}, 2.0, 0)};
  EXPECT_THROW(collate(samples, {SampleKey{}, SampleKey{}}, {}), Error);
}

TEST(Batch, StacksEveryInputByItsName) {
  const std::vector<Sample> samples{
      {{{"voxels", at::full({2}, 1.0)}, {"views", at::full({3, 1}, 5.0)}}},
      {{{"voxels", at::full({2}, 2.0)}, {"views", at::full({3, 1}, 6.0)}}}};
  const Batch batch = collate(samples, {SampleKey{}, SampleKey{}}, {});
  EXPECT_EQ(batch.inputs.names(), "voxels and views");
  EXPECT_EQ(batch.inputs["views"].sizes(), (std::vector<std::int64_t>{2, 3, 1}));
  EXPECT_EQ(batch.inputs["views"][1][0][0].item<float>(), 6.0F);
  EXPECT_EQ(batch.inputs["voxels"][1][0].item<float>(), 2.0F);
}

TEST(Batch, RefusesInputsThatAreNotAlike) {
  const Sample with{{{"voxels", at::full({2}, 1.0)}, {"views", at::full({3}, 5.0)}}};
  const Sample without{{{"voxels", at::full({2}, 1.0)}}};
  const Sample longer{{{"voxels", at::full({2}, 1.0)}, {"views", at::full({4}, 5.0)}}};
  const auto refusal = [&](const Sample& second) {
    return testing::refusal_of([&] {
             collate({with, second}, {SampleKey{}, SampleKey{}}, {});
           })
        .text;
  };
  EXPECT_EQ(refusal(without), "[collate] sample 1 has voxels, the first voxels and views");
  EXPECT_EQ(refusal(longer), "[collate] views of sample 1 has shape [4], of the first [3]");
}

TEST(Batch, KeepsSeveralLabelsASample) {
  Sample two = sample({2}, 1.0, 4);
  two.labels.push_back(7);
  const Batch batch = collate({sample({2}, 1.0, 3), two}, {SampleKey{}, SampleKey{}}, {});
  EXPECT_TRUE(at::equal(batch.labels,
                        at::tensor(std::vector<std::int64_t>{3, kNoLabel, 4, 7}).view({2, 2})));
}

TEST(Batch, ChangesEveryTensorThatIsThere) {
  const Batch batch = collate({sample({2}, 1.0, 3)}, {SampleKey{}}, {});
  int calls = 0;
  const Batch changed = with_tensors(batch, [&](const at::Tensor& tensor) {
    ++calls;
    return tensor.add(1);
  });
  EXPECT_EQ(calls, 2);  // the input and the labels
  EXPECT_EQ(changed.labels.item<std::int64_t>(), 4);
  EXPECT_EQ(batch.labels.item<std::int64_t>(), 3);
}

TEST(Inputs, NameWhatIsThere) {
  const Inputs inputs{{"voxels", at::full({1}, 1.0)}, {"views", at::full({1}, 2.0)}};
  EXPECT_EQ(testing::refusal_of([&] { (void)inputs["points"]; }).text,
            "[inputs] no 'points' among the inputs of a sample, which are: voxels and views");
  EXPECT_EQ(testing::refusal_of([&] { (void)inputs.only(); }).text,
            "[inputs] expected one input, found voxels and views");
}

}  // namespace
}  // namespace larkspur::pipeline
