// SPDX-License-Identifier: Apache-2.0
#include "launch/run/resume.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "launch/config/config_schema.h"
#include "launch/run/assemble.h"
#include "tests/support/solo_communicator.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

namespace fs = std::filesystem;
using ::larkspur::testing::TempDir;

/// A run of 30 minutes into which seven epochs fitted, saved at two steps; asked for again.
class BegunRun : public ::testing::Test {
 protected:
  BegunRun() {
    config_.output = folder_.path().string();
    config_.model.classes = 2;
    config_.model.variant = "micro";
    config_.model.kernel = {7, 7, 7};
    config_.train.minutes = 30;
    config_.train.epochs = 7;
    const auto network = make_network(config_);
    testing::SoloCommunicator communicator;
    pipeline::RunIdentity identity;
    identity.config = write_config(config_);
    pipeline::TrainState state = train_state(config_, *network, communicator);
    for (fs::path* const checkpoint : {&before_, &newest_}) {
      ++state.step;
      *checkpoint =
          save_checkpoint({checkpoints_folder(config_), 3}, state, identity, communicator);
    }
    config_.train.epochs = 100;
  }

  TempDir folder_;
  RunConfig config_;
  fs::path before_;
  fs::path newest_;
};

TEST_F(BegunRun, KeepsTheEpochsThatFittedWhenItBegan) {
  EXPECT_EQ(epochs_begun_with(config_), 7);
  config_.train.minutes = 0;  // then they are asked for, and must match
  EXPECT_EQ(epochs_begun_with(config_), 100);
}

TEST_F(BegunRun, IsToldFromManifestsAlone) {
  fs::resize_file(newest_ / "shard-00000.safetensors", 10);
  EXPECT_EQ(epochs_begun_with(config_), 7);
  fs::remove(newest_ / "shard-00000.safetensors");
  EXPECT_EQ(epochs_begun_with(config_), 7);
  fs::resize_file(newest_ / "manifest.json", 10);
  EXPECT_EQ(epochs_begun_with(config_), 7);
  fs::resize_file(before_ / "manifest.json", 10);  // who resumes refuses all of them
  EXPECT_EQ(epochs_begun_with(config_), 100);
}

TEST_F(BegunRun, HasNotBegunWithoutAFinishedCheckpoint) {
  fs::remove(newest_ / "manifest.json");
  fs::remove(before_ / "manifest.json");
  EXPECT_FALSE(epochs_begun_with(config_));
  config_.output = (folder_.path() / "other").string();
  EXPECT_FALSE(epochs_begun_with(config_));
}

}  // namespace
}  // namespace larkspur::launch
