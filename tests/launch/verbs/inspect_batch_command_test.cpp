// SPDX-License-Identifier: Apache-2.0
// What `inspect batch` says of a step is what that step is.
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include <ATen/TensorOperators.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "launch/report/batch_page.h"
#include "launch/run/batch_digest.h"
#include "launch/verbs/commands.h"
#include "pipeline/data/mix.h"
#include "tests/support/refusal.h"
#include "tests/support/report_page.h"
#include "tests/support/temp_dir.h"
#include "tests/support/toy_source.h"

namespace larkspur::launch {
namespace {

using larkspur::testing::refusal_of;
using ::testing::HasSubstr;

/// Six clouds of two classes, in an OFF file each.
class InspectBatch : public ::testing::Test {
 protected:
  InspectBatch() {
    for (const char* name : {"cup", "lamp"}) {
      for (int i = 0; i < 3; ++i) {
        const auto folder = dir_.path() / "data" / name / "train";
        std::filesystem::create_directories(folder);
        std::ofstream off(folder / (std::to_string(i) + ".off"));
        off << "OFF\n4 4 0\n0 0 0\n1 0 0\n0 1 0\n0 0 " << i + 1
            << "\n3 0 1 2\n3 0 1 3\n3 0 2 3\n3 1 2 3\n";
      }
    }
    std::ofstream(dir_.path() / "x.yaml")
        << "data: {kind: cloud, points: 32, augmentation: {rotate_up: true}, train: {root: "
        << (dir_.path() / "data").string() << "}}\nmodel: {form: points}\n"
        << "train: {global_batch: 4, lanes: 2}\n";
  }

  std::string inspected(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"batch", (dir_.path() / "x.yaml").string()});
    std::ostringstream out;
    Invocation call{"larkspur inspect", std::move(arguments), out};
    run_inspect(call);
    return out.str();
  }

  static std::string digest(const std::string& text) {
    std::smatch found;
    EXPECT_TRUE(std::regex_search(text, found, std::regex("digest ([0-9a-f]{8})"))) << text;
    return found[1];
  }

  larkspur::testing::TempDir dir_;
};

TEST_F(InspectBatch, ListsEverySampleOfAStepWithItsLane) {
  const std::string text = inspected({"--step", "1"});
  const std::regex row(R"((\d)  +(cup|lamp)  +(cup|lamp)/train/(\d).off)");
  std::set<std::string> files;
  std::string lanes;
  for (std::sregex_iterator found(text.begin(), text.end(), row), end; found != end; ++found) {
    EXPECT_EQ((*found)[2], (*found)[3]);
    files.insert(found->str().substr(1));
    lanes += (*found)[1];
  }
  EXPECT_EQ(files.size(), 4) << text;
  EXPECT_EQ(lanes, "0011");
  EXPECT_THAT(text, HasSubstr("Step 1, epoch 1 of"));
  EXPECT_THAT(text, HasSubstr(": 4 samples, 2 lanes, digest "));
}

TEST_F(InspectBatch, HasOneDigestAStepAndAnEpochWhichEveryDrawChanges) {
  const std::string first = digest(inspected({"--step", "1"}));
  EXPECT_EQ(digest(inspected({"--step", "1", "data.workers=2"})), first);
  EXPECT_NE(digest(inspected({"--step", "2"})), first);
  EXPECT_NE(digest(inspected({"seed=2"})), first);
  EXPECT_NE(digest(inspected({"data.augmentation.rotate_up=false"})), first);
  const std::string epoch = inspected({"--epoch", "--step", "2"});
  EXPECT_THAT(epoch, HasSubstr("epoch 2: 1 steps of 4 samples, 0 unreadable, digest "));
  EXPECT_EQ(digest(epoch), digest(inspected({"--step", "2"})));  // the epoch's only step
}

TEST_F(InspectBatch, MixesAsTheTrainingDoesAndNamesWhatCannotBeRead) {
  EXPECT_THAT(inspected({"model.form=voxel", "train.mixup=0.8"}), HasSubstr(" % "));
  std::ofstream(dir_.path() / "data" / "cup" / "train" / "0.off") << "OFF\n4 4 0\n0 0\n";
  std::string both;
  for (const char* step : {"1", "2", "3", "4"}) both += inspected({"--step", step});
  EXPECT_THAT(both, HasSubstr("unreadable: "));
}

TEST_F(InspectBatch, DrawsEachSampleOnAPage) {
  const auto page = dir_.path() / "batch.html";
  inspected({"--output", page.string()});
  std::ostringstream written;
  written << std::ifstream(page).rdbuf();
  const auto data = larkspur::testing::data_of_page(written.str());
  ASSERT_EQ(data.at("batch").size(), 4);
  EXPECT_EQ(data.at("batch")[0].at("dots").size(), 32);
  EXPECT_EQ(data.at("batch")[3].at("lane"), 1);
}

TEST_F(InspectBatch, RefusesStepsThereAreNot) {
  EXPECT_EQ(refusal_of([&] { inspected({"--step", "0"}); }).text, "--step is 0, not in [1, 10]");
  EXPECT_EQ(refusal_of([&] { inspected({"--step", "11"}); }).text, "--step is 11, not in [1, 10]");
  EXPECT_THAT(refusal_of([&] {
                inspected({"--output", "absent/x.html"});
              }).text,
              HasSubstr("there is no such folder"));
  EXPECT_THAT(refusal_of([&] {
                inspected({"--epoch", "--output", "x.html"});
              }).text,
              HasSubstr("leave --output out"));
  EXPECT_THAT(refusal_of([&] { inspected({"train.global_batch=8"}); }).text,
              HasSubstr("6 samples, fewer than train.global_batch=8"));
}

TEST(BatchPage, SaysWhatIsMixedIntoWhatAndDigestsEveryPart) {
  const larkspur::testing::ToySource source(8, {1, 6, 6}, 4);
  std::vector<pipeline::Sample> samples;
  std::vector<pipeline::SampleKey> keys;
  for (std::uint32_t id : {5U, 2U, 3U}) {
    keys.push_back({.seed = 1, .epoch = 0, .sample = id});
    samples.push_back(source.read(keys.back()).value());
  }
  const pipeline::Batch plain = pipeline::collate(samples, keys, {});
  pipeline::Batch mixed = pipeline::collate(samples, keys, {});
  pipeline::mix_lane({{.mixup = 0.8}}, mixed);
  const std::vector<std::string> classes{"a", "b", "c", "d"};
  EXPECT_EQ(seen_samples(plain, 0, source, classes)[0].text(), "b");
  const SeenSample seen = seen_samples(mixed, 1, source, classes)[0];
  EXPECT_EQ(seen.file, "toy/5");
  EXPECT_EQ(seen.partner, "c");
  EXPECT_THAT(seen.text(), ::testing::MatchesRegex("[0-9]+ % b, [0-9]+ % c"));
  EXPECT_DOUBLE_EQ(seen.share, mixed.own_share[0].item<double>());

  EXPECT_NE(batch_crc(mixed), batch_crc(plain));
  pipeline::Batch other = mixed;
  other.own_share = mixed.own_share * 0.5;
  EXPECT_NE(batch_crc(other), batch_crc(mixed));
  other = mixed;
  other.partner_labels = mixed.partner_labels.flip(0);
  EXPECT_NE(batch_crc(other), batch_crc(mixed));
  other = mixed;
  other.keys[1].epoch = 1;
  EXPECT_NE(batch_crc(other), batch_crc(mixed));
}

}  // namespace
}  // namespace larkspur::launch
