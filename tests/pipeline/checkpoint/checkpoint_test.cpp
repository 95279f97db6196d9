// SPDX-License-Identifier: Apache-2.0
#include "pipeline/checkpoint/checkpoint.h"

#include <fstream>

#include <ATen/ops/equal.h>
#include <gmock/gmock.h>

#include "pipeline/checkpoint/checkpoint_files.h"
#include "pipeline/error.h"
#include "pipeline/storage/crc32c.h"
#include "pipeline/storage/durable_file.h"
#include "tests/support/edit_manifest.h"
#include "tests/support/flip_bit.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"
#include "tests/support/toy_run.h"

namespace larkspur::pipeline {
namespace {

namespace fs = std::filesystem;
using ::larkspur::testing::edit_manifest;
using ::larkspur::testing::flip_bit;
using ::larkspur::testing::TempDir;
using ::larkspur::testing::ToyRun;
using ::testing::HasSubstr;

const RunIdentity kRun{"seed: 1\n", {"bed", "chair", "sofa"}, 77, 1, 1, "test"};

fs::path save(const fs::path& folder, ToyRun& toy, int keep = 3) {
  return save_checkpoint({folder, keep}, toy.state, kRun, toy.communicator);
}

/// A toy that has taken `steps` steps.
std::unique_ptr<ToyRun> trained(std::int64_t steps, std::uint64_t seed = 1) {
  auto toy = std::make_unique<ToyRun>(seed);
  toy->source.spoil(2, Errc::kNotFound);
  toy->options.stop_after_steps = steps;
  toy->run();
  return toy;
}

std::string refusal(const fs::path& folder) {
  try {
    Checkpoint(folder).verify();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Checkpoint, BringsBackEverythingARunNeeds) {
  const TempDir folder;
  const auto toy = trained(3);
  save(folder.path(), *toy);
  ToyRun fresh(9);
  restore(*newest_checkpoint(folder.path()), fresh.state, fresh.communicator);
  EXPECT_TRUE(at::equal(fresh.state.parameters.values(), toy->state.parameters.values()));
  EXPECT_TRUE(at::equal(fresh.state.optimizer.moment1(), toy->state.optimizer.moment1()));
  EXPECT_TRUE(at::equal(fresh.state.optimizer.moment2(), toy->state.optimizer.moment2()));
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(at::equal(fresh.state.statistics.tensors()[i].tensor,
                          toy->state.statistics.tensors()[i].tensor));
  }
  EXPECT_EQ(fresh.state.step, 3);
  EXPECT_EQ(fresh.state.bad, toy->state.bad);
}

TEST(Checkpoint, AResumedRunEndsWithTheBitsOfAnUnbrokenOne) {
  const TempDir folder;
  const auto unbroken = trained(8);
  const auto first = trained(3);
  save(folder.path(), *first);
  ToyRun second(1);
  second.source.spoil(2, Errc::kNotFound);
  second.options.stop_after_steps = 8;
  restore(*newest_checkpoint(folder.path()), second.state, second.communicator);
  second.run();
  EXPECT_TRUE(at::equal(second.state.parameters.values(), unbroken->state.parameters.values()));
  EXPECT_EQ(second.sink.steps.front().step, 4);
}

/// A float16 run whose first step overflows.
std::unique_ptr<ToyRun> half_run(std::int64_t steps) {
  auto toy = std::make_unique<ToyRun>(1, 15000.0);
  toy->options.precision = Precision::kFloat16;
  toy->options.stop_after_steps = steps;
  return toy;
}

TEST(Checkpoint, ARunResumedBehindASkippedStepEndsWithTheBitsOfAnUnbrokenOne) {
  const auto unbroken = half_run(8);
  unbroken->run();
  ASSERT_GE(unbroken->state.scaler.skipped(), 1);
  EXPECT_EQ(unbroken->sink.steps.front().skipped_steps, 1);
  EXPECT_EQ(unbroken->sink.steps.front().loss_scale, 65536.0);
  EXPECT_EQ(unbroken->sink.steps[1].loss_scale, 32768.0);
  for (const std::int64_t stop : {1, 3}) {
    const TempDir folder;
    const auto first = half_run(stop);
    first->run();
    save(folder.path(), *first);
    const auto second = half_run(8);
    restore(*newest_checkpoint(folder.path()), second->state, second->communicator);
    EXPECT_EQ(second->state.scaler, first->state.scaler);
    second->run();
    EXPECT_TRUE(at::equal(second->state.parameters.values(), unbroken->state.parameters.values()));
    EXPECT_EQ(second->state.scaler, unbroken->state.scaler);
    EXPECT_EQ(second->state.updates(), unbroken->state.updates());
  }
}

TEST(Checkpoint, OneWithoutALossScaleLoadsWithAFreshOne) {
  const TempDir folder;
  const auto toy = trained(3);
  const fs::path saved = save(folder.path(), *toy);
  edit_manifest(saved, [](nlohmann::json& manifest) {
    for (const char* key : {"loss_scale", "good_steps", "skipped_steps"}) manifest.erase(key);
  });
  ToyRun fresh(9);
  restore(*newest_checkpoint(saved), fresh.state, fresh.communicator);
  EXPECT_EQ(fresh.state.scaler, LossScaler());
  EXPECT_EQ(fresh.state.updates(), 3);
}

TEST(Checkpoint, RefusesALossScaleThatNoRunLeaves) {
  const TempDir folder;
  const auto toy = trained(3);
  const fs::path saved = save(folder.path(), *toy);
  for (const auto& [key, value] : {std::pair{"loss_scale", 5.0}, std::pair{"skipped_steps", 4.0}}) {
    edit_manifest(saved, [&](nlohmann::json& manifest) { manifest[key] = value; });
    EXPECT_THAT(refusal(saved), HasSubstr("manifest.json"));
    edit_manifest(saved, [&](nlohmann::json& manifest) {
      manifest["loss_scale"] = 8.0;
      manifest["skipped_steps"] = 1;
    });
    EXPECT_EQ(refusal(saved), "");
  }
}

TEST(Checkpoint, DigestTellsStepsAndSeedsApartAndNothingElse) {
  const TempDir folder;
  const auto digest_of = [&](ToyRun& toy) { return Checkpoint(save(folder.path(), toy)).digest(); };
  const std::string three = digest_of(*trained(3));
  EXPECT_EQ(three.size(), 32U);
  EXPECT_EQ(three, digest_of(*trained(3)));
  EXPECT_NE(three, digest_of(*trained(4)));
  EXPECT_NE(three, digest_of(*trained(3, 2)));
}

TEST(Checkpoint, RefusesAFlippedBitInEveryPartByName) {
  const TempDir folder;
  const auto toy = trained(2);
  const fs::path first = save(folder.path(), *toy);
  const auto bytes = static_cast<std::int64_t>(fs::file_size(first / "shard-00000.safetensors"));
  for (const std::int64_t offset : {std::int64_t{1}, bytes / 3, bytes - 20, bytes}) {
    flip_bit(first / "shard-00000.safetensors", offset);
    EXPECT_THAT(refusal(first), HasSubstr("shard-00000.safetensors"));
    flip_bit(first / "shard-00000.safetensors", offset);
  }
  flip_bit(first / "manifest.json", 40);
  EXPECT_THAT(refusal(first), HasSubstr("manifest.json"));
  flip_bit(first / "manifest.json", 40);
  EXPECT_EQ(refusal(first), "");
  fs::resize_file(first / "shard-00000.safetensors", 1000);
  EXPECT_THAT(refusal(first), HasSubstr("shard-00000.safetensors"));
}

TEST(Checkpoint, FallsBackToTheOneBeforeADamagedOne) {
  const TempDir folder;
  save(folder.path(), *trained(2));
  const fs::path newest = save(folder.path(), *trained(4));
  flip_bit(newest / "shard-00000.safetensors", 100);
  const auto found = newest_checkpoint(folder.path());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->manifest().step, 2);
}

TEST(Checkpoint, AnInterruptedSaveIsNoCheckpoint) {
  const TempDir folder;
  const fs::path whole = save(folder.path(), *trained(2));
  const fs::path interrupted = folder.path() / "step-000009.00000001";
  fs::create_directory(interrupted);
  fs::copy_file(whole / "shard-00000.safetensors", interrupted / "shard-00000.safetensors");
  EXPECT_EQ(newest_checkpoint(folder.path())->manifest().step, 2);
}

TEST(Checkpoint, ThrowsWhenAllThereAreAreDamagedAndNotWhenThereAreNone) {
  const TempDir folder;
  EXPECT_FALSE(newest_checkpoint(folder.path() / "absent"));
  flip_bit(save(folder.path(), *trained(2)) / "manifest.json", 30);
  EXPECT_THROW((void)newest_checkpoint(folder.path()), Error);
}

TEST(FindCheckpoint, TakesARunItsCheckpointsFolderAndOneOfThem) {
  const TempDir run;
  const fs::path folder = checkpoints_folder(run.path());
  const fs::path older = save(folder, *trained(2));
  save(folder, *trained(4));
  EXPECT_EQ(find_checkpoint(run.path()).manifest().step, 4);
  EXPECT_EQ(find_checkpoint(folder).manifest().step, 4);
  EXPECT_EQ(find_checkpoint(older).manifest().step, 2);
}

TEST(FindCheckpoint, SaysWhatIsAtAPathWithoutOne) {
  const TempDir folder;
  std::ofstream(folder.path() / "a.safetensors") << "x";
  const auto text = [&](const char* name) {
    return testing::refusal_of([&] { (void)find_checkpoint(folder.path() / name); }).text;
  };
  EXPECT_THAT(text("absent"), HasSubstr("absent: no such file or folder"));
  EXPECT_THAT(text("a.safetensors"), HasSubstr("a.safetensors: is a file"));
  EXPECT_THAT(text(""), HasSubstr("no checkpoint in it; a checkpoint is a run's folder"));
}

TEST(Checkpoint, KeepsTheNewestAndRemovesInterruptedOnes) {
  const TempDir folder;
  fs::create_directory(folder.path() / "step-000001.00000001");
  for (const std::int64_t step : {1, 2, 3, 4}) save(folder.path(), *trained(step), 2);
  const auto found = list_checkpoints(folder.path());
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].step, 4);
  EXPECT_EQ(found[1].step, 3);
}

TEST(Checkpoint, ManifestHoldsTheLabelMapAndTheConfiguration) {
  const TempDir folder;
  const Checkpoint checkpoint(save(folder.path(), *trained(5)));
  EXPECT_EQ(checkpoint.manifest().run.classes, kRun.classes);
  EXPECT_EQ(checkpoint.manifest().run.config, kRun.config);
  EXPECT_EQ(checkpoint.manifest().run.list_crc, kRun.list_crc);
  EXPECT_EQ(checkpoint.manifest().bad.size(), 1U);
}

TEST(Checkpoint, RefusesAModelOfAnotherSize) {
  const TempDir folder;
  save(folder.path(), *trained(1));
  const auto larger = testing::make_toy_classifier(6, 3, 1);
  EXPECT_THROW(restore_network(*newest_checkpoint(folder.path()), *larger), Error);
}

}  // namespace
}  // namespace larkspur::pipeline
