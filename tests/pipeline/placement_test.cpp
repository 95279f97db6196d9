// SPDX-License-Identifier: Apache-2.0
// A meta device stands in for a GPU: batches can be moved there, only without values. Networks
// cannot; tests/gpu moves them.
#include "pipeline/placement.h"

#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include "tests/support/toy_classifier.h"

namespace larkspur::pipeline {
namespace {

TEST(Placement, LeavesWhatIsThereAlone) {
  const auto toy = testing::make_toy_classifier(5, 3, 1);
  const void* data = toy->parameters().front().tensor.const_data_ptr();
  place(*toy, at::kCPU);
  EXPECT_EQ(toy->parameters().front().tensor.const_data_ptr(), data);
}

TEST(Placement, MovesInputAndLabelsAndKeepsTheRest) {
  Batch batch;
  batch.inputs["voxels"] = at::empty({2, 5});
  batch.labels = at::empty({2}, at::kLong);
  batch.keys.resize(2);
  batch.nominal = 3;
  const Batch moved = on_device(batch, at::kMeta);
  EXPECT_TRUE(moved.inputs["voxels"].is_meta() && moved.labels.is_meta());
  EXPECT_EQ(moved.size(), 2);
  EXPECT_EQ(moved.nominal, 3);
  EXPECT_EQ(on_device(batch, at::kCPU).inputs["voxels"].const_data_ptr(),
            batch.inputs["voxels"].const_data_ptr());
}

TEST(Placement, MovesTheSecondInputToo) {
  Batch batch;
  batch.inputs["voxels"] = at::empty({2, 5});
  batch.inputs["views"] = at::empty({2, 3, 4});
  batch.labels = at::empty({2}, at::kLong);
  const Batch moved = on_device(batch, at::kMeta);
  EXPECT_TRUE(moved.inputs["views"].is_meta());
  EXPECT_EQ(moved.inputs["views"].sizes(), batch.inputs["views"].sizes());
}

TEST(Placement, TakesABatchWithoutASample) {
  Batch batch;
  batch.labels = at::empty({0}, at::kLong);
  EXPECT_EQ(on_device(batch, at::kMeta).size(), 0);
}

}  // namespace
}  // namespace larkspur::pipeline
