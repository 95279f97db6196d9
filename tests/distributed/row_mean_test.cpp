// SPDX-License-Identifier: Apache-2.0
#include "distributed/row_mean.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "distributed/transport/exchange.h"
#include "pipeline/lanes.h"
#include "pipeline/rng.h"
#include "tests/support/refusal.h"
#include "tests/support/thread_ranks.h"

namespace larkspur::distributed {
namespace {

using larkspur::testing::run_ranks;
using ::testing::HasSubstr;

constexpr int kRowLanes = 16;
constexpr std::int64_t kRowElements = 1001;

/// Large numbers in the first lanes, the same with the other sign in the last, small ones between:
/// what is left are the small ones and the roundings of float64, which tell the order of additions.
at::Tensor lane_row(int lane) {
  const bool is_small = lane >= 6 && lane < kRowLanes - 6;
  const int twin = lane < kRowLanes - 6 ? lane : kRowLanes - 1 - lane;
  pipeline::CounterRng rng({1, 0, static_cast<std::uint32_t>(twin)}, pipeline::Purpose::kSynthetic);
  const double scale = is_small ? 1e-8 : (twin == lane ? 1e8 : -1e8);
  at::Tensor row = at::zeros({kRowElements});
  for (std::int64_t i = 0; i < kRowElements; ++i) {
    row.data_ptr<float>()[i] = static_cast<float>(rng.uniform(0.1, 1.0) * scale);
  }
  return row;
}

std::vector<float> plain_mean() {
  std::vector<double> sums(kRowElements, 0.0);
  for (int lane = 0; lane < kRowLanes; ++lane) {
    const at::Tensor row = lane_row(lane);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += row.const_data_ptr<float>()[i];
  }
  std::vector<float> means;
  for (const double sum : sums) means.push_back(static_cast<float>(sum / kRowLanes));
  return means;
}

bool has_bits(const at::Tensor& actual, std::vector<float> expected) {
  return at::equal(actual, at::from_blob(expected.data(), {kRowElements}));
}

std::vector<int> rows_by_rank(int ranks) {
  std::vector<int> rows;
  for (int rank = 0; rank < ranks; ++rank) {
    rows.push_back(pipeline::lanes_of_rank(rank, ranks, kRowLanes).count);
  }
  return rows;
}

at::Tensor rows_of(int rank, int ranks) {
  const auto lanes = pipeline::lanes_of_rank(rank, ranks, kRowLanes);
  std::vector<at::Tensor> rows;
  for (int lane = lanes.first; lane < lanes.first + lanes.count; ++lane) {
    rows.push_back(lane_row(lane).unsqueeze(0));
  }
  return at::cat(rows);
}

class RowMeanRanks : public ::testing::TestWithParam<int> {};

TEST_P(RowMeanRanks, HasTheBitsOfAPlainSumOverLanesTwiceInARow) {
  run_ranks(GetParam(), [](ProcessGroup& group) {
    RowMean mean(group);
    const std::vector<int> rows = rows_by_rank(group.size());
    const at::Tensor mine = rows_of(group.rank(), group.size());
    EXPECT_TRUE(has_bits(mean(mine, rows), plain_mean()));
    EXPECT_TRUE(has_bits(mean(mine, rows), plain_mean()));
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, RowMeanRanks, ::testing::Values(1, 2, 3, 5, 8, 16));

TEST(RowMean, OfOneRowIsThatRowForAll) {
  run_ranks(3, [](ProcessGroup& group) {
    RowMean mean(group);
    const bool has_it = group.rank() == 1;
    const at::Tensor mine = has_it ? lane_row(7).unsqueeze(0) : at::zeros({0, kRowElements});
    EXPECT_TRUE(at::equal(mean(mine, {0, 1, 0}), lane_row(7)));
  });
}

/// Rank 0 of several; adds up what it sends to others.
class ScaleGroup : public ProcessGroup {
 public:
  explicit ScaleGroup(int ranks) : ProcessGroup(0, ranks) {}
  void abandon() noexcept override {}
  std::size_t bytes = 0;

 protected:
  Pending start(Exchange exchange) override {
    for (std::size_t to = 1; to < exchange.sends.size(); ++to) bytes += exchange.sends[to].size();
    return {};
  }
};

TEST(RowMean, SendsTwoRowsWhateverTheNumberOfLanesWithALaneARank) {
  for (const int ranks : {2, 8, 64}) {
    ScaleGroup group(ranks);
    RowMean mean(group);
    mean(at::zeros({1, kRowElements}), std::vector<int>(static_cast<std::size_t>(ranks), 1));
    EXPECT_LE(group.bytes, 2 * kRowElements * sizeof(float)) << ranks;
  }
}

TEST(RowMean, RefusesRowsThatWereNotToldOf) {
  ScaleGroup group(2);
  RowMean mean(group);
  EXPECT_THAT(larkspur::testing::error_of([&] {
                mean(at::zeros({2, 3}), {1, 1});
              }).what(),
              HasSubstr("[mean_of_rows]"));
  EXPECT_THAT(larkspur::testing::error_of([&] {
                mean(at::zeros({0, 3}), {0, 0});
              }).what(),
              HasSubstr("no rows at all"));
}

}  // namespace
}  // namespace larkspur::distributed
