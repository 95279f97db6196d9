// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "launch/run/dataset.h"
#include "launch/verbs/commands.h"
#include "readers/video/png_file.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using nlohmann::json;
using testing::Refusal;
using testing::refusal_of;

class DataCheckCommand : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((dir_.path() / name).parent_path());
    std::ofstream(dir_.path() / name) << text;
    return (dir_.path() / name).string();
  }

  Refusal run(std::vector<std::string> arguments) {
    out_.str("");
    arguments.insert(arguments.begin(), "check");
    Invocation call{"larkspur data", std::move(arguments), out_};
    return refusal_of([&] { run_data(call); });
  }

  testing::TempDir dir_;
  std::ostringstream out_;
  const std::string square_ = "OFF\n4 1 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1 2 3\n";
};

TEST_F(DataCheckCommand, GivesOneObjectForAFile) {
  const std::string file = write("a.off", square_);
  EXPECT_EQ(run({file, "--json"}), Refusal{});
  EXPECT_EQ(json::parse(out_.str()),
            (json{{"file", file}, {"ok", true}, {"points", 4}, {"faces", 1}}));
}

TEST_F(DataCheckCommand, NamesTheBadFilesOfAList) {
  write("a.off", square_);
  write("b.xyz", "1 2 3\n4 5\n");
  const std::string list = write("list.txt", "a.off 1\nb.xyz 0\nc.npy 0\na.off 1\n");
  EXPECT_EQ(run({list, "--json"}), (Refusal{"corrupt data", "2 of 4 files are bad"}));
  const json files = json::parse(out_.str()).at("files");
  ASSERT_EQ(files.size(), 4U);
  EXPECT_EQ(files[0].at("file"), "a.off");
  EXPECT_FALSE(files[1].at("ok").get<bool>());
  EXPECT_EQ(files[1].at("error"),
            (dir_.path() / "b.xyz").string() +
                ": line 2: expected x, y and z, found the end of the line");
  EXPECT_FALSE(files[1].contains("points"));
  EXPECT_FALSE(files[2].at("ok").get<bool>());
  EXPECT_TRUE(files[3].at("ok").get<bool>());
}

TEST_F(DataCheckCommand, PrintsALineAFile) {
  const std::string good = write("a.off", square_);
  const std::string bad = write("b.npy", "");
  EXPECT_EQ(run({good, bad}), (Refusal{"corrupt data", "1 of 2 files are bad"}));
  EXPECT_EQ(out_.str(), "good  " + good + ": 4 points, 1 faces\nbad   " + bad + ": zero bytes\n");
}

TEST_F(DataCheckCommand, PutsSeveralArgumentsUnderFiles) {
  const std::string file = write("a.off", square_);
  EXPECT_EQ(run({file, file, "--json"}), Refusal{});
  EXPECT_EQ(json::parse(out_.str()).at("files").size(), 2U);
}

TEST_F(DataCheckCommand, GoesOnBehindAPathThatIsNeitherSampleNorList) {
  const std::string good = write("a.txt", "1 2 3\n");
  const std::string bad = write("b.txt", "no points\n");
  EXPECT_EQ(run({bad, good}), (Refusal{"corrupt data", "1 of 2 files are bad"}));
  EXPECT_EQ(out_.str().find("bad   " + bad + ":1: label 'points' is not a number"), 0U);
  EXPECT_NE(out_.str().find("good  " + good), std::string::npos);
}

TEST_F(DataCheckCommand, WritesNamesThatAreNoUtf8) {
  EXPECT_EQ(run({"\xFF.off", "--json"}).text, "1 of 1 file is bad");
  EXPECT_EQ(json::parse(out_.str()).at("file"), "\xEF\xBF\xBD.off");
}

TEST_F(DataCheckCommand, AgreesWithTrainingEvaluationAndPrediction) {
  for (const std::string split : {"train/", "test/"}) {
    const std::string folder = "set/box/" + split;
    write(folder + "good.off", square_);
    write(folder + "GOOD.OFF", square_);
    write(folder + "broken.off", "OFF\n3 1 0\n");
    write(folder + "zero.off", "");
    write(folder + "other.off", "solid x\nfacet normal\n");
    write(folder + "._good.off", "x");
    std::filesystem::create_symlink("nowhere", dir_.path() / (folder + "gone.off"));
  }
  write("set/__MACOSX/train/a.off", "x");
  const std::string root = (dir_.path() / "set").string();
  EXPECT_EQ(run({root, "--json"}).text, "8 of 12 files are bad");
  std::map<std::string, bool> checked;
  const json files = json::parse(out_.str()).at("files");
  for (const json& file : files) {
    checked[file.at("file").get<std::string>()] = file.at("ok").get<bool>();
  }
  RunConfig config;
  config.model.classes = 1;
  config.data.train.root = config.data.eval.root = root;
  config.data.eval.split = "test";
  std::map<std::string, bool> used;
  std::map<std::string, bool> predicted;
  const auto read_all = [](const Dataset& data, const std::string& start, auto& result) {
    for (std::int64_t i = 0; i < data.source->size(); ++i) {
      const bool ok = data.source->read({.sample = static_cast<std::uint32_t>(i)}).ok();
      result[start + data.source->name(i)] = ok;
    }
  };
  read_all(make_training_data(config), root + "/", used);
  read_all(make_evaluation_data(config, {"box"}), root + "/", used);
  read_all(make_data_of_files(config, {"box"}, {root}), "", predicted);
  EXPECT_EQ(used, checked);
  EXPECT_EQ(predicted, checked);
}

TEST_F(DataCheckCommand, LooksForAsManyPicturesOfAFolderAsTheListNames) {
  if (!readers::can_write_png()) GTEST_SKIP() << "this build cannot write pictures";
  const std::filesystem::path clip = dir_.path() / "clip";
  std::filesystem::create_directories(clip);
  for (const char* const name : {"img_1.png", "img_2.png"}) {
    readers::write_png(clip / name, 4, 4, std::vector<std::uint8_t>(16));
  }
  EXPECT_EQ(run({write("list.txt", "clip 2 0\nclip 1 1\n")}), Refusal{});
  const std::string list = write("list.txt", "clip 2 0\nclip 3 1\nlost 0 1\n");
  EXPECT_EQ(run({list, "--json"}), (Refusal{"corrupt data", "2 of 3 files are bad"}));
  const json files = json::parse(out_.str()).at("files");
  EXPECT_EQ(files[0].at("frames"), 2);
  EXPECT_EQ(files[1].at("error"),
            clip.string() + ": holds 2 of the 3 pictures that the list names");
  const std::string lost = dir_.path() / "lost";
  EXPECT_EQ(files[2].at("error").get<std::string>().find(lost + ": the list names 0"), 0U);
  EXPECT_EQ(run({write("list.txt", "clip 2 0 1\nclip 3 1\n")}),
            (Refusal{"corrupt data", "1 of 2 files are bad"}));
}

TEST_F(DataCheckCommand, NeedsAPath) {
  EXPECT_EQ(run({}).text, "PATHS is required; see 'larkspur data check --help'");
}

}  // namespace
}  // namespace larkspur::launch
