// SPDX-License-Identifier: Apache-2.0
#include "pipeline/state/train_state.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "tests/support/toy_classifier.h"

namespace larkspur::pipeline {
namespace {

TEST(TrainState, TellsEveryTensorOnceAndRanksOwnAllOfItTogether) {
  constexpr int kRanks = 3;
  std::map<std::pair<std::string, std::string>, std::vector<StateTensor>> by_name;
  for (int rank = 0; rank < kRanks; ++rank) {
    const auto classifier = testing::make_toy_classifier(2000, 3, 1);
    const TrainState state(*classifier, 8192, rank, kRanks, {}, /*average_decay=*/0.5);
    for (const StateTensor& tensor : state.tensors()) {
      by_name[{tensor.kind, tensor.name}].push_back(tensor);
    }
  }
  EXPECT_EQ(by_name.size(), 4U * 5U + 2U * 2U);
  for (const auto& [key, ranks] : by_name) {
    EXPECT_NE(std::ranges::find(kStateKinds, key.first), kStateKinds.end()) << key.first;
    ASSERT_EQ(ranks.size(), kRanks) << key.second;
    std::int64_t next = 0;
    for (const StateTensor& tensor : ranks) {
      EXPECT_EQ(tensor.values.numel(), tensor.held.size());
      EXPECT_TRUE(tensor.sharding == Sharding::kOwned || tensor.held.size() == tensor.elements);
      if (tensor.owned.size() == 0) continue;
      EXPECT_EQ(tensor.owned.begin, next) << key.second;
      next = tensor.owned.end;
    }
    EXPECT_EQ(next, ranks.front().elements) << key.second;
  }
}

TEST(TrainState, ItsTensorsAreItsMemory) {
  const auto classifier = testing::make_toy_classifier(5, 3, 1);
  const TrainState state(*classifier, 64, 0, 1, {});
  for (const StateTensor& tensor : state.tensors()) tensor.values.fill_(3.0);
  for (const Parameter& parameter : classifier->parameters()) {
    EXPECT_TRUE(parameter.tensor.eq(3.0).all().item<bool>()) << parameter.name;
  }
  EXPECT_EQ(state.optimizer.moment2().max().item<float>(), 3.0F);
  EXPECT_EQ(classifier->statistics()[1].tensor.min().item<float>(), 3.0F);
}

}  // namespace
}  // namespace larkspur::pipeline
