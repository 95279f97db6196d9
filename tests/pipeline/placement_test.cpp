// SPDX-License-Identifier: Apache-2.0
// A meta device stands in for a GPU: batches can be moved there, only without values. Networks
// cannot; tests/gpu moves them.
#include "pipeline/placement.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
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

/// Of every type, sizes that align nothing.
Batch mixed_batch(std::int64_t samples) {
  Batch batch;
  batch.inputs["voxels"] = at::randn({samples, 5});
  batch.inputs["views"] = at::randn({samples, 3, 7}).to(at::kHalf);
  batch.labels = at::arange(samples, at::kLong);
  batch.partner_labels = at::arange(samples, at::kLong).add(7);
  batch.own_share = at::rand({samples});
  batch.keys.resize(static_cast<std::size_t>(samples));
  return batch;
}

TEST(Placement, CopiesAPackedBatchAtOnceAndWhole) {
  for (const std::int64_t samples : {0, 1, 3}) {
    const Batch plain = mixed_batch(samples);
    const Batch together = packed(plain, false);
    const std::int64_t before = device_copies();
    const Batch moved = on_device(together, at::kCPU);
    EXPECT_EQ(device_copies() - before, samples > 0 ? 1 : 5);
    EXPECT_EQ(moved.size(), samples);
    EXPECT_TRUE(at::equal(moved.inputs["voxels"], plain.inputs["voxels"]));
    EXPECT_TRUE(at::equal(moved.inputs["views"], plain.inputs["views"]));
    EXPECT_TRUE(at::equal(moved.labels, plain.labels));
    EXPECT_TRUE(at::equal(moved.partner_labels, plain.partner_labels));
    EXPECT_TRUE(at::equal(moved.own_share, plain.own_share));
    EXPECT_TRUE(on_device(together, at::kMeta).inputs["views"].is_meta());
  }
}

TEST(Placement, CopiesRowsOfAPackedBatchByThemselves) {
  const Batch plain = mixed_batch(3);
  const Batch rows = on_device(rows_of(packed(plain, false), 1, 2), at::kCPU);
  EXPECT_TRUE(at::equal(rows.inputs["views"], plain.inputs["views"].narrow(0, 1, 1)));
  EXPECT_TRUE(at::equal(rows.labels, plain.labels.narrow(0, 1, 1)));
}

}  // namespace
}  // namespace larkspur::pipeline
