// SPDX-License-Identifier: Apache-2.0
// The kernels of pipeline/ops: AdamW and the norms of chunks.
#include <array>
#include <random>

#include <gtest/gtest.h>

#include "pipeline/ops/adamw_kernels.h"
#include "pipeline/ops/chunk_norms_kernels.h"
#include "tests/cuda_on_cpu/device_array.h"
#include "tests/cuda_on_cpu/every_order.h"
#include "tests/support/chunk_sums.h"

namespace larkspur::pipeline {
namespace {

using cuda_on_cpu::DeviceArray;
using cuda_on_cpu::in_every_order;

std::vector<float> normals(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

/// Every size between gaps, values elsewhere than moments; two groups.
std::vector<AdamWPiece> odd_pieces() {
  std::vector<AdamWPiece> pieces;
  std::int64_t packed = 0;
  for (const std::int64_t elements : {1, 31, 255, 256, 257, 0, 4096}) {
    pieces.push_back({packed + 100 * static_cast<std::int64_t>(pieces.size()),
                      packed,
                      elements,
                      static_cast<std::int64_t>(pieces.size() % 2)});
    packed += elements + 3;
  }
  return pieces;
}

TEST(AdamWKernel, GivesTheBitsOfTheCpu) {
  std::vector<AdamWPiece> pieces = odd_pieces();
  const std::size_t count = 6000;
  const std::vector<float> gradient = normals(count, 1);
  std::vector<float> value = normals(count, 2);
  std::vector<float> moment1 = normals(count, 3);
  std::vector<float> moment2(count, 0.25F);
  const std::array before{value, moment1, moment2};
  AdamWCall call{};
  call.count = static_cast<std::int64_t>(pieces.size());
  call.scalars.gradient_scale = 0.37F;
  call.scalars.root_correction2 = 0.3F;
  call.rates[0] = {1e-3F, 0.9995F};
  call.rates[1] = {3e-4F, 1.0F};
  const auto on = [&](auto& v, auto& m1, auto& m2, const float* g, const AdamWPiece* table) {
    AdamWCall own = call;
    own.value = v.data();
    own.moment1 = m1.data();
    own.moment2 = m2.data();
    own.gradient = g;
    own.pieces = table;
    return own;
  };
  for (int step = 0; step < 2; ++step) {
    adamw_cpu(on(value, moment1, moment2, gradient.data(), pieces.data()));
  }
  in_every_order([&] {
    DeviceArray<float> v(before[0]);
    DeviceArray<float> m1(before[1]);
    DeviceArray<float> m2(before[2]);
    DeviceArray<float> g(gradient);
    for (int step = 0; step < 2; ++step) {
      adamw_cuda(on(v, m1, m2, g.data(), pieces.data()), nullptr);
    }
    EXPECT_TRUE(v.values() == value && m1.values() == moment1 && m2.values() == moment2);
    for (const auto* array : {&v, &m1, &m2, &g}) EXPECT_TRUE(array->margins_are_whole());
  });
}

TEST(ChunkNormsKernel, AddsInTheOrderItPromises) {
  for (const std::size_t chunks : {0U, 1U, 3U, 37U}) {
    SCOPED_TRACE(chunks);
    const std::vector<float> gradient = normals(chunks * 4096, 4);
    std::vector<double> on_cpu(chunks);
    chunk_square_sums_cpu(
        on_cpu.data(), gradient.data(), static_cast<std::int64_t>(gradient.size()), 0.3);
    in_every_order([&] {
      DeviceArray<float> g(gradient);
      DeviceArray<double> sums(chunks);
      chunk_square_sums_cuda(
          sums.data(), g.data(), static_cast<std::int64_t>(gradient.size()), 0.3, nullptr);
      const std::vector<double> got = sums.values();
      for (std::size_t k = 0; k < chunks; ++k) {
        EXPECT_EQ(got[k], testing::square_sum_in_halves(gradient.data() + k * 4096, 0.3));
        EXPECT_NEAR(got[k], on_cpu[k], 1e-12 * on_cpu[k]);
      }
      EXPECT_TRUE(sums.margins_are_whole());
    });
  }
}

}  // namespace
}  // namespace larkspur::pipeline
