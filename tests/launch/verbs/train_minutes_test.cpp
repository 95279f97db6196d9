// SPDX-License-Identifier: Apache-2.0
#include "launch/verbs/train_minutes.h"

#include <gtest/gtest.h>

namespace larkspur::launch {
namespace {

TEST(EpochsThatFit, AreWholeOnesWithinTheTimeLeftLessAReserve) {
  // 100 steps of 0.1 s an epoch: 10 s.
  EXPECT_EQ(epochs_that_fit(1000.0, 0.1, 100), 97);
  EXPECT_EQ(epochs_that_fit(10.0 / (1.0 - kReservedShare) * 3.001, 0.1, 100), 3);
  EXPECT_EQ(epochs_that_fit(10.0 / (1.0 - kReservedShare) * 2.999, 0.1, 100), 2);
}

TEST(EpochsThatFit, AreOneWhereThereIsNoTimeForAny) {
  EXPECT_EQ(epochs_that_fit(3.0, 0.1, 100), 1);
  EXPECT_EQ(epochs_that_fit(-3.0, 0.1, 100), 1);
}

TEST(DoubtOfWarmup, IsSaidWhereItIsLongerThanWhatFits) {
  TrainConfig train;
  train.epochs = 2;
  train.warmup_epochs = 2;
  EXPECT_EQ(doubt_of_warmup(train), "");
  train.warmup_epochs = 5;
  EXPECT_EQ(
      doubt_of_warmup(train),
      "train.warmup_epochs 5 is above the epochs that fit into train.minutes, 2: the learning "
      "rate would only rise; set train.warmup_share=0.1 in its place");
  train.warmup_share = 0.1;
  EXPECT_EQ(doubt_of_warmup(train), "");
}

}  // namespace
}  // namespace larkspur::launch
