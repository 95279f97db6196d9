// SPDX-License-Identifier: Apache-2.0
#include "launch/run/weights_file.h"

#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/config/config_schema.h"
#include "launch/run/assemble.h"
#include "pipeline/checkpoint/checkpoint.h"
#include "tests/support/refusal.h"
#include "tests/support/solo_communicator.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

namespace fs = std::filesystem;
using ::larkspur::testing::refusal_of;
using ::larkspur::testing::TempDir;
using ::testing::HasSubstr;
using ::testing::Not;

RunConfig pictures() {
  RunConfig config;
  config.data.kind = DataKind::kVideo;
  config.model.form = ModelForm::kGrid;
  config.model.classes = 3;
  config.model.kernel = {1, 7, 7};
  return config;
}

RunConfig clips() {
  RunConfig config = pictures();
  config.seed = 9;
  config.model.form = ModelForm::kClip;
  config.model.kernel = {3, 7, 7};
  return config;
}

/// A run's output folder with one checkpoint of the network in it. Returns the checkpoint.
fs::path save_run(const fs::path& output, const RunConfig& config, model3d::Network& network) {
  pipeline::TrainState state(network, 1 << 20, 0, 1, {});
  state.step = 4;
  testing::SoloCommunicator communicator;
  pipeline::RunIdentity identity;
  identity.config = write_config(config);
  identity.classes = {"a", "b", "c"};
  return save_checkpoint({output / "checkpoints", 3}, state, identity, communicator);
}

struct SavedRun {
  TempDir folder;
  std::unique_ptr<model3d::Network> network = make_network(pictures());
  fs::path checkpoint = save_run(folder.path(), pictures(), *network);
};

TEST(OpenWeights, TakesARunItsCheckpointsAndOneOfThem) {
  const SavedRun run;
  for (const fs::path& path :
       {run.folder.path(), run.folder.path() / "checkpoints", run.checkpoint}) {
    const auto weights = open_weights(path);
    EXPECT_EQ(weights->origin(), path.string());
    EXPECT_EQ(class_names_of(*weights), (std::vector<std::string>{"a", "b", "c"}));
    ASSERT_EQ(weights->names().size(), run.network->entries().size());
    EXPECT_TRUE(std::ranges::is_sorted(weights->names()));
    for (const model3d::NamedTensor& entry : model3d::published_state_dict(*run.network)) {
      EXPECT_EQ(weights->shape(entry.name), entry.tensor.sizes().vec());
      EXPECT_TRUE(at::equal(weights->tensor(entry.name), entry.tensor)) << entry.name;
    }
    EXPECT_EQ(refusal_of([&] { (void)weights->tensor("nothing"); }).code, "corrupt data");
  }
}

TEST(OpenWeights, ACheckpointOfPicturesStartsANetworkOfClips) {
  const SavedRun run;
  const auto clip = make_network(clips());
  fill_from_weights(*clip, *open_weights(run.folder.path()), model3d::HeadRule::kLoad);
  const auto theirs = run.network->parameters();
  const auto ours = clip->parameters();
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const at::Tensor sum = ours[i].tensor.dim() == 5
                               ? ours[i].tensor.sum(at::IntArrayRef({2}), /*keepdim=*/true)
                               : ours[i].tensor;
    EXPECT_TRUE(at::equal(sum, theirs[i].tensor)) << ours[i].name;  // one tap in time, else zeros
  }
}

TEST(OpenWeights, AHeadForOtherClassesIsNotLoaded) {
  const SavedRun run;
  RunConfig config = pictures();
  config.model.classes = 7;
  config.seed = 5;
  const auto network = make_network(config);
  const at::Tensor own_head = network->parameters().back().tensor.clone();
  const auto weights = open_weights(run.folder.path());
  const auto refusal =
      refusal_of([&] { fill_from_weights(*network, *weights, model3d::HeadRule::kLoad); });
  EXPECT_THAT(refusal.text, HasSubstr("has a head of 3 classes"));
  fill_from_weights(*network, *weights, model3d::HeadRule::kKeepOwn);
  EXPECT_TRUE(at::equal(network->parameters().back().tensor, own_head));
  EXPECT_TRUE(
      at::equal(network->parameters().front().tensor, run.network->parameters().front().tensor));
}

TEST(CheckNotes, RefuseAFileWrittenByOtherRules) {
  const TempDir folder;
  const fs::path path = folder.path() / "clip.safetensors";
  const auto network = make_network(clips());
  write_weights(*network, {}, path);
  const auto file = open_weights(path);
  check_metadata(*network, *file);
  RunConfig other = clips();
  other.model.time_padding = model3d::TimePadding::kReplicate;
  const auto refusal = refusal_of([&] { check_metadata(*make_network(other), *file); });
  EXPECT_THAT(refusal.text,
              HasSubstr("clip.safetensors was written of a network with time_padding zeros"));
  EXPECT_THAT(refusal.text, HasSubstr("set --time-padding"));
  check_metadata(*make_network(pictures()),
                 *file);  // of another form: what fits is for others to say
}

TEST(CheckNotes, LetSmallerKernelsBeginLargerOnesWhereThatIsAsked) {
  const TempDir folder;
  const fs::path path = folder.path() / "small.safetensors";
  write_weights(*make_network(pictures()), {}, path);
  const auto file = open_weights(path);
  RunConfig large = pictures();
  large.model.kernel = {1, 13, 13};
  EXPECT_THAT(refusal_of([&] { check_metadata(*make_network(large), *file); }).text,
              HasSubstr("small.safetensors was written of a network with kernel"));
  large.model.enlarge = model3d::Enlargement::kCentre;
  const auto network = make_network(large);
  check_metadata(*network, *file);
  EXPECT_GT(fill_from_weights(*network, *file, model3d::HeadRule::kLoad).enlarged, 0);
}

TEST(FillFromWeights, TellsOfARuleThatChangesNoShape) {
  const SavedRun run;
  RunConfig config = pictures();
  config.model.stem_stride = 2;
  const auto network = make_network(config);
  ::testing::internal::CaptureStderr();
  fill_from_weights(*network, *open_weights(run.folder.path()), model3d::HeadRule::kFit);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("was trained with stem_stride 4, the network has 2"));
  ::testing::internal::CaptureStderr();
  fill_from_weights(
      *make_network(pictures()), *open_weights(run.folder.path()), model3d::HeadRule::kFit);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), Not(HasSubstr("was trained with")));
}

TEST(FillFromWeights, TellsOfPicturesForANetworkThatSeesWhatChanges) {
  const TempDir folder;
  const fs::path path = folder.path() / "clip.safetensors";
  write_weights(*make_network(clips()), {}, path);
  RunConfig changes = clips();
  changes.model.form = ModelForm::kDifferences;
  ::testing::internal::CaptureStderr();
  fill_from_weights(*make_network(changes), *open_weights(path), model3d::HeadRule::kFit);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("was trained as form clip, the network is differences: one has seen"));
  ::testing::internal::CaptureStderr();
  fill_from_weights(*make_network(clips()), *open_weights(path), model3d::HeadRule::kFit);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), Not(HasSubstr("was trained as form")));
}

TEST(FillFromWeights, TellsOfARuleOfTheHalfItFills) {
  const SavedRun run;
  RunConfig config;
  config.data.kind = DataKind::kCloud;
  config.model.form = ModelForm::kJoint;
  config.model.classes = 40;
  config.model.kernel = {7, 7, 7};
  config.model.view_stem_stride = 2;
  const auto network = make_network(config);
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(
      fill_from_weights(*network, *open_weights(run.folder.path()), model3d::HeadRule::kFit).half,
      "views.");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("was trained with stem_stride 4, views.* has 2"));
}

TEST(FillFromWeights, TellsWhatBeginsAnew) {
  const SavedRun run;
  RunConfig config = pictures();
  config.data.kind = DataKind::kCloud;
  config.model.form = ModelForm::kPoints;
  config.model.kernel = {1, 7, 7};
  config.model.classes = 7;
  const auto network = make_network(config);
  const auto weights = open_weights(run.folder.path());
  const auto refusal =
      refusal_of([&] { fill_from_weights(*network, *weights, model3d::HeadRule::kLoad); });
  EXPECT_THAT(refusal.text, HasSubstr("has a head of 3 classes"));
  ::testing::internal::CaptureStderr();
  fill_from_weights(*network, *weights, model3d::HeadRule::kFit);
  const std::string told = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(told, HasSubstr("and keep their initial values (point_to_image."));
  EXPECT_THAT(told, HasSubstr("a new head for 7 classes: its own has 3 classes"));
}

// Voxels come to stage 2 by a stride, a map that points fill does not.
TEST(FillFromWeights, RefusesVoxelsForCells) {
  RunConfig voxels;
  voxels.data.kind = DataKind::kCloud;
  voxels.model.form = ModelForm::kVoxel;
  voxels.model.kernel = {7, 7, 7};
  voxels.model.classes = 3;
  const TempDir folder;
  save_run(folder.path(), voxels, *make_network(voxels));
  RunConfig cells = voxels;
  cells.model.form = ModelForm::kCells;
  const auto network = make_network(cells);
  const auto refusal = refusal_of(
      [&] { fill_from_weights(*network, *open_weights(folder.path()), model3d::HeadRule::kFit); });
  EXPECT_EQ(refusal.code, "invalid argument");
  EXPECT_THAT(
      refusal.text,
      HasSubstr("downsample_layers.1.0.weight is [32, 16, 3, 3, 3] there and [32, 16, 1, 1, "
                "1] in the network: model.form"));
}

TEST(OpenWeights, RefusesFoldersWithoutACheckpointAndPathsThatAreNotThere) {
  const TempDir folder;
  const auto empty = refusal_of([&] { (void)open_weights(folder.path()); });
  EXPECT_EQ(empty.code, "not found");
  EXPECT_THAT(empty.text, HasSubstr(folder.path().string() + ": no checkpoint in it"));
  const auto absent = refusal_of([&] { (void)open_weights(folder.path() / "absent"); });
  EXPECT_THAT(absent.text, HasSubstr("no such file or folder"));
}

}  // namespace
}  // namespace larkspur::launch
