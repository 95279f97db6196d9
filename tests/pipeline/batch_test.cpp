// SPDX-License-Identifier: Apache-2.0
#include "pipeline/batch.h"

#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include "tests/support/refusal.h"

namespace larkspur::pipeline {
namespace {

TEST(Batch, StacksSamplesWithTheirLabelsAndKeys) {
  const std::vector<Sample> samples{{at::full({2, 3}, 1.0), 4}, {at::full({2, 3}, 2.0), 0}};
  const Batch batch = collate(samples, {{1, 0, 8, 0}, {1, 0, 9, 0}}, {{5, 7, "x", Errc::kIo, ""}});
  EXPECT_EQ(batch.input.sizes(), (std::vector<std::int64_t>{2, 2, 3}));
  EXPECT_EQ(batch.input[1][0][0].item<float>(), 2.0F);
  EXPECT_EQ(batch.labels[0].item<std::int64_t>(), 4);
  EXPECT_EQ(batch.keys[1].sample, 9U);
  EXPECT_EQ(batch.nominal, 3);
}

TEST(Batch, RefusesSamplesOfDifferentShapes) {
  const std::vector<Sample> samples{{at::full({2, 3}, 1.0), 4}, {at::full({3, 2}, 2.0), 0}};
  EXPECT_THROW(collate(samples, {SampleKey{}, SampleKey{}}, {}), Error);
}

TEST(Batch, StacksSecondInputsWhereSamplesHaveThem) {
  const std::vector<Sample> samples{{at::full({2}, 1.0), 4, at::full({3, 1}, 5.0)},
                                    {at::full({2}, 2.0), 0, at::full({3, 1}, 6.0)}};
  const Batch batch = collate(samples, {SampleKey{}, SampleKey{}}, {});
  EXPECT_EQ(batch.second_input.sizes(), (std::vector<std::int64_t>{2, 3, 1}));
  EXPECT_EQ(batch.second_input[1][0][0].item<float>(), 6.0F);
  EXPECT_EQ(batch.input[1][0].item<float>(), 2.0F);
  EXPECT_FALSE(collate({{at::full({2}, 1.0), 4}}, {SampleKey{}}, {}).second_input.defined());
}

TEST(Batch, RefusesSecondInputsThatAreNotAlike) {
  const Sample with{at::full({2}, 1.0), 4, at::full({3}, 5.0)};
  const Sample without{at::full({2}, 1.0), 4};
  const Sample longer{at::full({2}, 1.0), 4, at::full({4}, 5.0)};
  EXPECT_EQ(testing::refusal_of([&] {
              collate({with, without}, {SampleKey{}, SampleKey{}}, {});
            }).text,
            "[collate] of sample 1 and the first only one has a second input");
  EXPECT_EQ(testing::refusal_of([&] {
              collate({with, longer}, {SampleKey{}, SampleKey{}}, {});
            }).text,
            "[collate] second input of sample 1 has shape [4], of the first [3]");
}

}  // namespace
}  // namespace larkspur::pipeline
