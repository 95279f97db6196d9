// SPDX-License-Identifier: Apache-2.0
#include "pipeline/ops/chunk_norms.h"

#include <vector>

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "pipeline/ops/chunk_norms_kernels.h"
#include "pipeline/rng.h"
#include "tests/support/chunk_sums.h"

namespace larkspur::pipeline {
namespace {

at::Tensor noise(std::int64_t elements) {
  CounterRng rng({7, 0, 0, 0}, Purpose::kSynthetic);
  at::Tensor values = at::empty({elements}, at::kFloat);
  for (std::int64_t i = 0; i < elements; ++i) {
    values.mutable_data_ptr<float>()[i] = static_cast<float>(rng.normal());
  }
  return values;
}

TEST(ChunkNorms, AddEachChunkInOrder) {
  const at::Tensor gradient = noise(3 * 4096);
  const at::Tensor sums = chunk_square_sums(gradient, 0.25);
  ASSERT_EQ(sums.numel(), 3);
  ASSERT_EQ(sums.scalar_type(), at::kDouble);
  for (std::int64_t k = 0; k < 3; ++k) {
    const float* values = gradient.const_data_ptr<float>() + k * 4096;
    EXPECT_EQ(sums[k].item<double>(), larkspur::testing::square_sum_in_order(values, 0.25));
    // The order of the other twin is another one, and as good.
    const double in_halves = larkspur::testing::square_sum_in_halves(values, 0.25);
    EXPECT_NEAR(in_halves, sums[k].item<double>(), 1e-12 * in_halves);
  }
}

TEST(ChunkNorms, OfNothingAreNone) { EXPECT_EQ(chunk_square_sums(at::zeros({0}), 1.0).numel(), 0); }

TEST(ChunkNorms, RefuseWhatIsNotWholeChunksOfFloats) {
  EXPECT_THROW(chunk_square_sums(at::zeros({4095}), 1.0), Error);
  EXPECT_THROW(chunk_square_sums(at::zeros({4096}, at::kDouble), 1.0), Error);
}

TEST(ChunkNorms, LaunchABlockAChunk) {
  EXPECT_EQ(chunk_norm_blocks(0), 0);
  EXPECT_EQ(chunk_norm_blocks(4096), 1);
  EXPECT_EQ(chunk_norm_blocks(std::int64_t{4096} * 100000), 100000);
  EXPECT_EQ(kChunkNormElements % kChunkNormThreads, 0);
}

}  // namespace
}  // namespace larkspur::pipeline
