// SPDX-License-Identifier: Apache-2.0
#include "pipeline/state/snapshot.h"

#include <limits>
#include <utility>

#include <ATen/ops/equal.h>
#include <gmock/gmock.h>

#include "tests/support/refusal.h"
#include "tests/support/toy_run.h"

namespace larkspur::pipeline {
namespace {

using ::larkspur::testing::error_of;
using ::larkspur::testing::ToyRun;
using ::testing::HasSubstr;

TEST(Snapshot, IsACopyThatTrainingDoesNotReach) {
  ToyRun toy;
  toy.options.stop_after_steps = 2;
  toy.run();
  const StateSnapshot snapshot = take_snapshot(toy.state);
  std::vector<at::Tensor> before;
  for (const SnapshotPiece& piece : snapshot.pieces) before.push_back(piece.values.clone());
  toy.options.stop_after_steps = 5;
  toy.run();
  EXPECT_EQ(snapshot.step, 2);
  ASSERT_EQ(snapshot.pieces.size(), 17U);
  const std::vector<StateTensor> now = toy.state.tensors();
  for (std::size_t i = 0; i < snapshot.pieces.size(); ++i) {
    EXPECT_TRUE(at::equal(snapshot.pieces[i].values, before[i])) << snapshot.pieces[i].name;
    EXPECT_FALSE(at::equal(snapshot.pieces[i].values, now[i].values)) << now[i].name;
  }
}

TEST(Snapshot, TakesTheMemoryOfTheOneBefore) {
  ToyRun toy;
  StateSnapshot first = take_snapshot(toy.state);
  std::vector<const void*> places;
  for (const SnapshotPiece& piece : first.pieces) places.push_back(piece.values.const_data_ptr());
  first.pieces.back().name = "of another state";
  toy.options.stop_after_steps = 2;
  toy.run();
  const StateSnapshot fresh = take_snapshot(toy.state);
  const StateSnapshot second = take_snapshot(toy.state, std::move(first));
  ASSERT_EQ(second.pieces.size(), fresh.pieces.size());
  for (std::size_t i = 0; i < fresh.pieces.size(); ++i) {
    EXPECT_TRUE(at::equal(second.pieces[i].values, fresh.pieces[i].values)) << i;
    EXPECT_EQ(second.pieces[i].name, fresh.pieces[i].name);
    if (i + 1 < fresh.pieces.size()) {
      EXPECT_EQ(second.pieces[i].values.const_data_ptr(), places[i]) << i;
    }
  }
}

TEST(Snapshot, NamesAWeightOrAStatisticThatIsNotFinite) {
  ToyRun toy;
  EXPECT_NO_THROW(require_finite(take_snapshot(toy.state)));
  toy.classifier->statistics()[1].tensor[3] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(error_of([&] { require_finite(take_snapshot(toy.state)); }).what(),
              HasSubstr("statistic norm.variance is not finite at element 3 after step 0"));
  toy.state.parameters.values()[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(error_of([&] { require_finite(take_snapshot(toy.state)); }).what(),
              HasSubstr("weight head.bias is not finite at element 0"));
}

}  // namespace
}  // namespace larkspur::pipeline
