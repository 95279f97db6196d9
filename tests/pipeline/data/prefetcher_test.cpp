// SPDX-License-Identifier: Apache-2.0
#include "pipeline/data/prefetcher.h"

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include <ATen/ops/allclose.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/toy_source.h"

namespace larkspur::pipeline {
namespace {

using testing::ToySource;

std::vector<SampleRequest> three_samples(std::int64_t k) {
  std::vector<SampleRequest> requests;
  for (std::int64_t i = 3 * k; i < 3 * k + 3; ++i) {
    requests.push_back({{1, 0, static_cast<std::uint32_t>(i), 0}, 100 + i});
  }
  return requests;
}

/// Counts how often a sample was asked for.
class CountingSource : public ToySource {
 public:
  using ToySource::ToySource;
  Result<std::vector<Sample>> read_file(std::span<const SampleKey> keys) const override {
    ++reads;
    return ToySource::read_file(keys);
  }
  mutable std::atomic<int> reads{0};
};

TEST(Prefetcher, HandsOutBatchesInOrderWithManyWorkers) {
  const ToySource source(60, {2, 3}, 5);
  Prefetcher prefetcher(source, three_samples, {0, 20, 4, 3});
  for (std::int64_t k = 0; k < 20; ++k) {
    const Batch batch = prefetcher.next();
    ASSERT_EQ(batch.size(), 3);
    EXPECT_EQ(batch.keys[0].sample, 3 * k);
    EXPECT_EQ(batch.labels[1].item<std::int64_t>(), (3 * k + 1) % 5);
    EXPECT_TRUE(
        at::allclose(batch.inputs["input"][2], source.read(batch.keys[2]).value().inputs["input"]));
  }
}

TEST(Prefetcher, PutsTheViewsOfASampleSideBySideFromOneOpening) {
  CountingSource source(6, {2}, 2);
  source.spoil(1, Errc::kCorruptData);
  const auto request = [](std::int64_t) {
    return std::vector<SampleRequest>{
        {{1, 0, 0, 4}, 0, 3}, {{1, 0, 1, 0}, 1, 3}, {{1, 0, 2, 0}, 2, 3}};
  };
  Prefetcher prefetcher(source, request, {0, 1, 1, 1});
  const Batch batch = prefetcher.next();
  ASSERT_EQ(batch.size(), 6);
  EXPECT_EQ(source.reads, 3);
  EXPECT_EQ(batch.keys[1], (SampleKey{1, 0, 0, 5}));
  EXPECT_EQ(batch.keys[3], (SampleKey{1, 0, 2, 0}));
  const at::Tensor own = source.read(batch.keys[4]).value().inputs["input"];
  EXPECT_TRUE(at::allclose(batch.inputs["input"][4], own));
  EXPECT_EQ(batch.bad.size(), 1U);
  EXPECT_EQ(batch.nominal, 9);
}

TEST(Prefetcher, LeavesOutWhatCannotBeReadAndNamesIt) {
  ToySource source(6, {2}, 2);
  source.spoil(4, Errc::kCorruptData);
  Prefetcher prefetcher(source, three_samples, {1, 2, 1, 1});
  const Batch batch = prefetcher.next();
  EXPECT_EQ(batch.size(), 2);
  EXPECT_EQ(batch.nominal, 3);
  ASSERT_EQ(batch.bad.size(), 1U);
  EXPECT_EQ(batch.bad[0], (BadSample{104, 4, "toy/4", Errc::kCorruptData, "toy/4 is spoiled"}));
}

TEST(Prefetcher, GivesABatchOfNothingWhenNoneCanBeRead) {
  ToySource source(3, {2}, 2);
  for (int id = 0; id < 3; ++id) source.spoil(id, Errc::kNotFound);
  Prefetcher prefetcher(source, three_samples, {0, 1, 1, 1});
  const Batch batch = prefetcher.next();
  EXPECT_EQ(batch.size(), 0);
  EXPECT_EQ(batch.bad.size(), 3U);
}

TEST(Prefetcher, TriesAnInputErrorThreeTimesAndABadFileOnce) {
  CountingSource source(3, {2}, 2);
  source.spoil(0, Errc::kIo);
  source.spoil(1, Errc::kCorruptData);
  Prefetcher prefetcher(source, three_samples, {0, 1, 1, 1});
  EXPECT_EQ(prefetcher.next().bad.size(), 2U);
  EXPECT_EQ(source.reads, 3 + 1 + 1);
}

TEST(Prefetcher, NeverReadsFurtherAheadThanAsked) {
  const CountingSource source(300, {2}, 2);
  Prefetcher prefetcher(source, three_samples, {0, 100, 3, 2});
  (void)prefetcher.next();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_LE(source.reads, 3 * 3);  // one handed out, two ahead
}

TEST(Prefetcher, ThrowsWhatAWorkerThrew) {
  const ToySource source(3, {2}, 2);
  const auto broken = [](std::int64_t) -> std::vector<SampleRequest> {
    throw Error(Errc::kInvalidArgument, "broken order");
  };
  Prefetcher prefetcher(source, broken, {0, 5, 2, 2});
  EXPECT_THROW((void)prefetcher.next(), Error);
}

/// In a process of its own: room for a few threads' stacks, not for 64.
[[noreturn]] void start_more_workers_than_there_is_room_for() {
  std::ifstream sizes("/proc/self/statm");
  std::uint64_t pages = 0;
  sizes >> pages;
  const rlim_t room = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) + (64U << 20U);
  const rlimit limit{room, room};
  ::setrlimit(RLIMIT_AS, &limit);
  const ToySource source(60, {2, 3}, 5);
  try {
    const Prefetcher prefetcher(source, three_samples, {0, 20, 64, 3});
  } catch (const Error& error) {
    std::cerr << error.what() << std::endl;
    std::_Exit(error.code() == Errc::kInvalidArgument ? 7 : 8);
  }
  std::_Exit(9);
}

TEST(PrefetcherDeathTest, AThreadThatCannotStartIsAnErrorOfItsOwn) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers need address space of their own";
#endif
  EXPECT_EXIT(start_more_workers_than_there_is_room_for(),
              ::testing::ExitedWithCode(7),
              "data.workers: only [0-9]+ of 64 loader threads can be started");
}

}  // namespace
}  // namespace larkspur::pipeline
