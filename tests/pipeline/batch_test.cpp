// SPDX-License-Identifier: Apache-2.0
#include "pipeline/batch.h"

#include <ATen/ops/full.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace larkspur::pipeline
