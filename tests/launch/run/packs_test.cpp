// SPDX-License-Identifier: Apache-2.0
// Packs of clouds where a user meets them: lists, single files, checks, listings.
#include <filesystem>
#include <iomanip>
#include <memory>
#include <sstream>
#include <vector>

#include <ATen/ops/arange.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "launch/run/dataset.h"
#include "launch/run/view_listing.h"
#include "launch/verbs/commands.h"
#include "pipeline/require.h"
#include "readers/format/npy_file.h"
#include "tests/readers/write_file.h"
#include "tests/support/pack_maker.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using ::testing::HasSubstr;

class Packs : public ::testing::Test {
 protected:
  Packs() {
    const at::Tensor points = at::arange(4 * 9 * 3, at::kFloat).sin().view({4, 9, 3});
    testing::write_pack(train_, {points.narrow(0, 0, 3), {}, {0, 1, 1}});
    testing::write_pack(test_, {points.narrow(0, 3, 1), {}, {1}});
    config_.data.train.root = dir_.path().string();
    config_.data.eval.root = dir_.path().string();
    config_.data.points = 5;
  }

  testing::TempDir dir_;
  const std::string train_ = (dir_.path() / "ply_data_train0.h5").string();
  const std::string test_ = (dir_.path() / "ply_data_test0.h5").string();
  RunConfig config_;
};

TEST_F(Packs, AreListsOfBothSides) {
  EXPECT_EQ(make_training_data(config_).source->size(), 3);
  EXPECT_EQ(make_evaluation_data(config_, {"0", "1"}).source->label(0), 1);
  EXPECT_EQ(samples_in_training(config_, config_), 0);
  config_.data.eval.split = "train";
  EXPECT_EQ(samples_in_training(config_, config_), 3);
}

TEST_F(Packs, AreManyFilesToAPrediction) {
  const Dataset data = make_data_of_files(config_, {"a", "b"}, {test_, train_});
  ASSERT_EQ(data.source->size(), 4);
  EXPECT_EQ(data.source->name(0), test_ + "#0");
  EXPECT_EQ(data.source->name(3), train_ + "#2");
  EXPECT_TRUE(data.source->read({.sample = 3}).ok());
}

TEST_F(Packs, AreCheckedWhole) {
  std::ostringstream out;
  Invocation call{"larkspur data", {"check", train_}, out};
  run_data(call);
  EXPECT_THAT(out.str(), HasSubstr("ply_data_train0.h5: 3 clouds of 9 points, 3 labels\n"));
}

TEST_F(Packs, ListTheViewsOfOneCloud) {
  const LoadedConfig loaded = config_for_file(train_, {"eval.protocol=rotate12"});
  EXPECT_THAT(list_views(loaded.config, train_ + "#2").text, HasSubstr("#2: 9 points\n"));
  EXPECT_THAT(testing::refusal_of([&] { (void)list_views(loaded.config, train_); }).text,
              HasSubstr("a pack of many clouds: name one, as in " + train_ + "#0"));
}

// The same four clouds as a pack, as texts and as arrays: every view of every protocol has the same
// bits, in training as well, so every score is the same.
TEST_F(Packs, GiveTheSamplesOfTheirTextsAndArrays) {
  const std::filesystem::path pack = dir_.path() / "pack", text = dir_.path() / "text",
                              npy = dir_.path() / "npy";
  const at::Tensor points_SN3 = at::arange(4 * 90 * 3, at::kFloat).sin().view({4, 90, 3});
  std::filesystem::create_directories(pack);
  for (const char* const split : {"train", "test"}) {
    testing::write_pack(pack / pipeline::text_of("ply_data_", split, "0.h5"),
                        {points_SN3, {}, {0, 0, 1, 1}});
    for (std::int64_t i = 0; i < 4; ++i) {
      const std::filesystem::path place =
          std::filesystem::path(i < 2 ? "box" : "cone") / split / std::to_string(i);
      std::filesystem::create_directories((npy / place).parent_path());
      readers::write_npy((npy / place).string() + ".npy", points_SN3[i]);
      std::ostringstream lines;
      lines << std::setprecision(9);
      for (std::int64_t n = 0; n < 90; ++n) {
        const auto xyz = points_SN3[i][n];
        lines << xyz[0].item<float>() << ' ' << xyz[1].item<float>() << ' ' << xyz[2].item<float>()
              << '\n';
      }
      testing::write_file((text / place).string() + ".txt", lines.str());
    }
  }
  testing::write_file(pack / "shape_names.txt", "box\ncone\n");
  const auto sources_of = [&](const std::filesystem::path& root) {
    RunConfig config = config_;
    config.data.train.root = config.data.eval.root = root.string();
    config.data.points = 64;
    config.data.augmentation = {0.8, 1.2, 0.1, true, true};
    std::vector<std::unique_ptr<pipeline::SampleSource>> sources;
    sources.push_back(make_training_data(config).source);
    for (const char* const protocol : {"center", "fixed", "vote10", "rotate12", "rotate40"}) {
      config.eval.protocol = protocol;
      sources.push_back(make_evaluation_data(config, {"box", "cone"}).source);
    }
    return sources;
  };
  const auto packed = sources_of(pack);
  for (const auto& others : {sources_of(text), sources_of(npy)}) {
    for (std::size_t s = 0; s < packed.size(); ++s) {
      for (std::uint32_t key = 0; key < 4 * 3; ++key) {
        const pipeline::SampleKey view{.sample = key / 3,
                                       .view = static_cast<std::uint16_t>(key % 3)};
        if (s < 3 && view.view > 0) continue;  // one view
        const auto one = packed[s]->read(view).value();
        const auto other = others[s]->read(view).value();
        EXPECT_EQ(one.labels, other.labels) << s << " " << key;
        EXPECT_TRUE(one.inputs.only().equal(other.inputs.only())) << s << " " << key;
      }
    }
  }
}

}  // namespace
}  // namespace larkspur::launch
