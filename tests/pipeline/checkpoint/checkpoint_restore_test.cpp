// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <fstream>
#include <limits>

#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>

#include "distributed/group_communicator.h"
#include "pipeline/checkpoint/checkpoint.h"
#include "tests/support/edit_manifest.h"
#include "tests/support/flip_bit.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"
#include "tests/support/thread_ranks.h"
#include "tests/support/toy_run.h"

namespace larkspur::pipeline {
namespace {

using ::larkspur::testing::error_of;
using ::larkspur::testing::flip_bit;
using ::testing::AllOf;

/// What a job of some ranks holds: 79 chunks of one parameter, small ones before it.
struct WideRank {
  explicit WideRank(distributed::ProcessGroup& group)
      : classifier(testing::make_toy_classifier(20000, 3, 1)),
        state(*classifier, 8192, group.rank(), group.size(), {}, /*average_decay=*/0.9),
        communicator(group) {}

  /// Values that differ from element to element.
  void fill() {
    float next = 1.0F;
    for (const StateTensor& tensor : state.tensors()) {
      next += 1000.0F;
      for (std::int64_t i = 0; i < tensor.held.size(); ++i) {
        tensor.values.mutable_data_ptr<float>()[i] =
            next + static_cast<float>(tensor.held.begin + i);
      }
    }
  }

  std::unique_ptr<Classifier> classifier;
  TrainState state;
  distributed::GroupCommunicator communicator;
};

std::filesystem::path save_wide(const std::filesystem::path& folder,
                                int ranks,
                                std::int64_t step = 0) {
  std::filesystem::path saved;
  testing::run_ranks(ranks, [&](distributed::ProcessGroup& group) {
    WideRank rank(group);
    rank.fill();
    rank.state.step = step;
    const auto path = save_checkpoint({folder, 9}, rank.state, {}, rank.communicator);
    if (group.rank() == 0) saved = path;
  });
  return saved;
}

/// Bytes that all threads of this process have read so far, through any call.
std::int64_t bytes_read() {
  std::ifstream file("/proc/self/io");
  std::string word;
  std::int64_t bytes = 0;
  file >> word >> bytes;
  return word == "rchar:" ? bytes : -1;
}

TEST(CheckpointRestore, GivesTheSameStateOnAnyNumberOfRanks) {
  const testing::TempDir folder;
  const Checkpoint saved(save_wide(folder.path(), 2));
  for (const int ranks : {1, 2, 3, 5}) {
    testing::run_ranks(ranks, [&](distributed::ProcessGroup& group) {
      WideRank rank(group);
      WideRank expected(group);
      expected.fill();
      restore(saved, rank.state, rank.communicator);
      const auto found = rank.state.tensors();
      const auto wanted = expected.state.tensors();
      for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_TRUE(at::equal(found[i].values, wanted[i].values))
            << found[i].kind << ' ' << found[i].name;
      }
    });
  }
}

TEST(CheckpointRestore, ReadsASharedPieceOnceAndOfOthersWhatARankNeeds) {
  if (bytes_read() < 0) GTEST_SKIP() << "/proc/self/io cannot be read here";
  const testing::TempDir folder;
  const Checkpoint saved(save_wide(folder.path(), 3));
  std::int64_t size = 0;
  for (const CheckpointShard& shard : saved.manifest().shards) size += shard.bytes;
  const auto read_by = [&](int ranks) {
    const std::int64_t before = bytes_read();
    testing::run_ranks(ranks, [&](distributed::ProcessGroup& group) {
      WideRank rank(group);
      restore(saved, rank.state, rank.communicator);
    });
    return static_cast<double>(bytes_read() - before) / static_cast<double>(size);
  };
  EXPECT_LT(read_by(3), 1.1);
  EXPECT_LT(read_by(1), 1.1);
  EXPECT_LT(read_by(4), 1.9);  // a third of it is weights, and of the others 4 ranks cut 3 pieces
}

/// Of the values in the file, the first.
std::int64_t first_value_from_end(const std::filesystem::path& file) {
  std::uint64_t header = 0;
  std::ifstream(file, std::ios::binary).read(reinterpret_cast<char*>(&header), sizeof(header));
  return static_cast<std::int64_t>(std::filesystem::file_size(file) - sizeof(header) - header);
}

/// Of damage in what one rank owns (the last value), and in what all hold (the first, a weight).
TEST(RestoreNewest, PassesOverWhatAnyRankFindsDamaged) {
  const testing::TempDir folder;
  save_wide(folder.path(), 2, 3);
  flip_bit(save_wide(folder.path(), 2, 4) / "shard-00001.safetensors", 1);
  const auto shared = save_wide(folder.path(), 2, 5) / "shard-00000.safetensors";
  flip_bit(shared, first_value_from_end(shared));
  std::filesystem::remove(save_wide(folder.path(), 2, 6) / "shard-00000.safetensors");
  for (const int ranks : {1, 2, 3}) {
    testing::run_ranks(ranks, [&](distributed::ProcessGroup& group) {
      WideRank rank(group);
      WideRank expected(group);
      expected.fill();
      std::vector<std::int64_t> seen;
      const auto found = restore_newest(
          folder.path(), rank.state, rank.communicator, [&](const Checkpoint& checkpoint) {
            seen.push_back(checkpoint.manifest().step);
          });
      ASSERT_TRUE(found);
      EXPECT_EQ(found->manifest().step, 3);
      EXPECT_EQ(rank.state.step, 3);
      EXPECT_THAT(seen, ::testing::ElementsAre(5, 4, 3));  // of 6 a file is missing
      const auto held = rank.state.tensors();
      const auto wanted = expected.state.tensors();
      for (std::size_t i = 0; i < held.size(); ++i) {
        EXPECT_TRUE(at::equal(held[i].values, wanted[i].values)) << held[i].name;
      }
    });
  }
}

TEST(RestoreNewest, SaysSoWhereNoneIsWholeAndNothingWhereThereIsNone) {
  const testing::TempDir folder;
  testing::run_ranks(2, [&](distributed::ProcessGroup& group) {
    WideRank rank(group);
    const auto any = [](const Checkpoint&) {};
    EXPECT_FALSE(restore_newest(folder.path() / "absent", rank.state, rank.communicator, any));
  });
  flip_bit(save_wide(folder.path(), 1) / "shard-00000.safetensors", 1);
  testing::run_ranks(2, [&](distributed::ProcessGroup& group) {
    WideRank rank(group);
    const Error error = error_of([&] {
      restore_newest(folder.path(), rank.state, rank.communicator, [](const Checkpoint&) {});
    });
    EXPECT_EQ(error.code(), Errc::kCorruptData);
    EXPECT_THAT(error.what(),
                AllOf(::testing::HasSubstr("is whole; the oldest one: "),
                      ::testing::HasSubstr("fails its checksum")));
  });
}

/// Another run's checkpoint is no damaged one: going on from what lies behind it would be worse.
TEST(RestoreNewest, WhatDoesNotFitIsNotPassedOver) {
  const testing::TempDir folder;
  save_wide(folder.path(), 1, 4);
  save_wide(folder.path(), 1, 5);
  testing::run_ranks(1, [&](distributed::ProcessGroup& group) {
    WideRank rank(group);
    const Error error = error_of([&] {
      restore_newest(folder.path(), rank.state, rank.communicator, [](const Checkpoint& found) {
        throw Error(Errc::kInvalidArgument, std::to_string(found.manifest().step));
      });
    });
    EXPECT_STREQ(error.what(), "5");
  });
}

TEST(RestoreNewest, AnotherNetworksTensorsAreNotTakenForDamage) {
  const testing::TempDir folder;
  testing::ToyRun toy;
  for (const std::int64_t step : {1, 2}) {
    toy.state.step = step;
    save_checkpoint({folder.path(), 3}, toy.state, {}, toy.communicator);
  }
  testing::run_ranks(2, [&](distributed::ProcessGroup& group) {
    WideRank rank(group);
    const Error error = error_of([&] {
      restore_newest(folder.path(), rank.state, rank.communicator, [](const Checkpoint&) {});
    });
    EXPECT_EQ(error.code(), Errc::kInvalidArgument);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("step-000002"));
  });
}

TEST(CheckpointRestore, TheNetworkIsTheLastOneOrTheAverage) {
  const testing::TempDir folder;
  const Checkpoint saved(save_wide(folder.path(), 2));
  const auto network = testing::make_toy_classifier(20000, 3, 1);
  for (const bool last : {true, false}) {
    restore_network(saved, *network, last ? WeightSet::kLast : WeightSet::kAverage);
    for (const Parameter& parameter : network->parameters()) {
      const auto kept = saved.read(last ? "weight" : "average_weight", parameter.name);
      EXPECT_TRUE(at::equal(parameter.tensor.view(-1), kept)) << parameter.name << last;
    }
    for (const Statistic& statistic : network->statistics()) {
      const auto kept = saved.read(last ? "statistic" : "average_statistic", statistic.name);
      EXPECT_TRUE(at::equal(statistic.tensor.view(-1), kept)) << statistic.name << last;
    }
  }
}

TEST(CheckpointRestore, AnAverageThatWasNotKeptIsAskedForInVain) {
  const testing::TempDir folder;
  testing::ToyRun run;
  const auto path = save_checkpoint({folder.path(), 1}, run.state, {}, run.communicator);
  const Error error =
      error_of([&] { restore_network(Checkpoint(path), *run.classifier, WeightSet::kAverage); });
  EXPECT_THAT(error.what(), ::testing::HasSubstr("holds no averaged weights: its run had"));
}

TEST(CheckpointRestore, AFailureOfOneRankIsOneOfAll) {
  const testing::TempDir folder;
  const auto path = save_wide(folder.path(), 1);
  const Checkpoint saved(path);
  std::filesystem::resize_file(path / "shard-00000.safetensors", 300000);
  testing::run_ranks(3, [&](distributed::ProcessGroup& group) {
    WideRank rank(group);
    const Error error = error_of([&] { restore(saved, rank.state, rank.communicator); });
    EXPECT_THAT(error.what(), ::testing::HasSubstr("shard-00000.safetensors"));
  });
}

/// stderr of restore() into a fresh toy on one rank.
std::string warnings_of(const std::filesystem::path& saved, testing::ToyRun& toy) {
  ::testing::internal::CaptureStderr();
  restore(Checkpoint(saved), toy.state, toy.communicator);
  return ::testing::internal::GetCapturedStderr();
}

TEST(CheckpointRestore, AKindOfTensorOfALaterVersionIsOneWarning) {
  const testing::TempDir folder;
  testing::ToyRun toy;
  StateSnapshot later = take_snapshot(toy.state);
  for (const char* name : {"hidden", "head"}) {
    later.pieces.push_back({"average", name, {0, 7}, at::ones({7})});
  }
  const auto saved = save_checkpoint({folder.path(), 1}, later, {}, toy.communicator);
  EXPECT_EQ(Checkpoint(saved).manifest().format, 1);
  testing::ToyRun fresh(9);
  EXPECT_EQ(warnings_of(saved, fresh),
            saved.string() +
                " was written by a later version and holds tensors that this one does not know; "
                "left out: average\n");
  EXPECT_TRUE(at::equal(fresh.state.parameters.values(), toy.state.parameters.values()));
  EXPECT_NE(
      Checkpoint(saved).digest(),
      Checkpoint(save_checkpoint({folder.path(), 2}, toy.state, {}, toy.communicator)).digest());
}

TEST(CheckpointRestore, AnotherArithmeticIsOneWarningAndNoneSaidIsTheFirst) {
  const testing::TempDir folder;
  testing::ToyRun toy;
  const auto saved = save_checkpoint({folder.path(), 1}, toy.state, {}, toy.communicator);
  EXPECT_EQ(Checkpoint(saved).manifest().arithmetic, kArithmetic);
  EXPECT_EQ(warnings_of(saved, toy), "");
  testing::edit_manifest(saved, [](nlohmann::json& manifest) { manifest.erase("arithmetic"); });
  EXPECT_EQ(Checkpoint(saved).manifest().arithmetic, 1);
  testing::edit_manifest(saved, [](nlohmann::json& manifest) { manifest["arithmetic"] = 99; });
  EXPECT_THAT(warnings_of(saved, toy),
              ::testing::HasSubstr("was written with arithmetic 99, this version has"));
}

TEST(CheckpointRestore, RefusesAStatisticThatIsNotFiniteByName) {
  const testing::TempDir folder;
  testing::ToyRun toy;
  const auto saved = save_checkpoint({folder.path(), 1}, toy.state, {}, toy.communicator);
  const auto shard = saved / "shard-00000.safetensors";
  std::fstream file(shard, std::ios::in | std::ios::out | std::ios::binary);
  const float nothing = std::numeric_limits<float>::quiet_NaN();
  file.seekp(-4, std::ios::end);  // the last of the last statistic
  file.write(reinterpret_cast<const char*>(&nothing), sizeof(nothing));
  file.close();
  std::vector<float> values(16);
  const std::uint32_t crc =
      SafetensorsReader(shard).read("statistic:norm.variance[0:16]", values.data());
  testing::edit_manifest(saved, [&](nlohmann::json& manifest) {
    manifest["shards"][0]["pieces"].back()["crc"] = crc;
  });
  const Checkpoint spoilt(saved);
  const auto wanted = AllOf(::testing::HasSubstr(saved.string()),
                            ::testing::HasSubstr("statistic norm.variance has values that are "
                                                 "not finite"));
  EXPECT_THAT(error_of([&] { restore(spoilt, toy.state, toy.communicator); }).what(), wanted);
  EXPECT_THAT(error_of([&] { restore_network(spoilt, *toy.classifier); }).what(), wanted);
}

}  // namespace
}  // namespace larkspur::pipeline
