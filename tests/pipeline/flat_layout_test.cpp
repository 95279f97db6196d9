// SPDX-License-Identifier: Apache-2.0
#include "pipeline/flat_layout.h"

#include <gtest/gtest.h>

#include "pipeline/error.h"

namespace larkspur::pipeline {
namespace {

FlatLayout three_parameters() {
  return FlatLayout({{"first", 100, true}, {"second", 9000, false}, {"third", 64, true}}, 8192);
}

TEST(FlatLayout, LaysParametersInReverseOrderOfUseAtMultiplesOf64) {
  const FlatLayout layout = three_parameters();
  ASSERT_EQ(layout.entries().size(), 3U);
  EXPECT_EQ(layout.entries()[0].name, "third");
  EXPECT_EQ(layout.entries()[0].range, (ElementRange{0, 64}));
  EXPECT_EQ(layout.entries()[1].name, "second");
  EXPECT_EQ(layout.entries()[1].range, (ElementRange{64, 9064}));
  EXPECT_EQ(layout.entries()[2].range.begin % kAlignElements, 0);
}

TEST(FlatLayout, ClosesABucketOnceItIsFullAndPadsItToChunks) {
  const FlatLayout layout = three_parameters();
  ASSERT_EQ(layout.bucket_count(), 2);
  EXPECT_EQ(layout.bucket(0), (ElementRange{0, 3 * kChunkElements}));
  EXPECT_EQ(layout.bucket(1), (ElementRange{3 * kChunkElements, 4 * kChunkElements}));
  EXPECT_EQ(layout.entries()[2].range.begin, 3 * kChunkElements);
  EXPECT_EQ(layout.entries()[2].bucket, 1);
}

TEST(FlatLayout, SharesTileEveryBucketForAnyNumberOfRanks) {
  const FlatLayout layout({{"a", 70000, true}, {"b", 5, true}, {"c", 40000, true}}, 32768);
  for (int ranks = 1; ranks <= 9; ++ranks) {
    for (int bucket = 0; bucket < layout.bucket_count(); ++bucket) {
      std::int64_t next = layout.bucket(bucket).begin;
      for (int rank = 0; rank < ranks; ++rank) {
        const ElementRange share = layout.owned(bucket, rank, ranks);
        EXPECT_EQ(share.begin, next);
        EXPECT_EQ(share.size() % kChunkElements, 0);
        next = share.end;
      }
      EXPECT_EQ(next, layout.bucket(bucket).end);
    }
  }
}

TEST(FlatLayout, RefusesADuplicateName) {
  EXPECT_THROW(FlatLayout({{"a", 1, true}, {"a", 1, true}}, 64), Error);
}

}  // namespace
}  // namespace larkspur::pipeline
