// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launch/run/dataset.h"
#include "launch/verbs/commands.h"
#include "readers/synthetic/demo_videos.h"
#include "readers/video/video_writer.h"
#include "tests/readers/write_file.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using ::testing::HasSubstr;
using testing::Refusal;
using testing::refusal_of;

class DataIndexCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!readers::can_write_video()) GTEST_SKIP() << "this build cannot write videos";
    readers::DemoVideoOptions options;
    options.output = videos_;
    options.classes = 2;
    options.train = 2;
    options.test = 1;
    options.size = 32;
    options.frames = 16;
    readers::make_demo_videos(options);
  }

  Refusal run(std::vector<std::string> arguments) {
    out_.str("");
    arguments.insert(arguments.begin(), "index");
    Invocation call{"larkspur data", std::move(arguments), out_};
    return refusal_of([&] { run_data(call); });
  }

  testing::TempDir dir_;
  std::filesystem::path videos_ = dir_.path() / "videos";
  std::string cache_ = dir_.path() / "cache";
  std::ostringstream out_;
};

TEST_F(DataIndexCommand, IndexesAListAndThenTheRestOfItsFolder) {
  EXPECT_EQ(run({videos_ / "train.csv", "--cache", cache_}), Refusal{});
  EXPECT_EQ(out_.str(), cache_ + ": 4 videos indexed, 0 known already, 0 bad\n");
  EXPECT_EQ(run({videos_, "--cache", cache_, "--workers", "3"}), Refusal{});
  EXPECT_EQ(out_.str(), cache_ + ": 2 videos indexed, 4 known already, 0 bad\n");
}

TEST_F(DataIndexCommand, NamesTheVideosThatCannotBeOpened) {
  testing::write_file(videos_ / "broken.mp4", "no video");
  EXPECT_EQ(run({videos_, "--cache", cache_}),
            (Refusal{"corrupt data", "1 of 7 videos cannot be indexed"}));
  EXPECT_THAT(out_.str(), HasSubstr("6 videos indexed, 0 known already, 1 bad"));
  EXPECT_THAT(out_.str(), HasSubstr("broken.mp4"));
}

TEST_F(DataIndexCommand, SaysThatIndexesCouldNotBeKept) {
  const std::string under_a_file = testing::write_file(dir_.path() / "file", "") / "cache";
  const Refusal refusal = run({videos_, "--cache", under_a_file});
  EXPECT_EQ(refusal.code, "input/output");
  EXPECT_THAT(refusal.text, HasSubstr(under_a_file + " cannot keep 6 indexes, as in "));
  EXPECT_EQ(out_.str(), under_a_file + ": 0 videos indexed, 0 known already, 0 bad\n");
}

TEST_F(DataIndexCommand, RefusesCallsThatIndexNothing) {
  EXPECT_THAT(run({}).text, HasSubstr("PATHS is required"));
  EXPECT_THAT(run({videos_ / "absent"}).text, HasSubstr("not found"));
  EXPECT_THAT(run({videos_, "--cache", "none"}).text, HasSubstr("no folder to keep indexes in"));
  EXPECT_THAT(run({videos_, "--workers", "0"}).text, HasSubstr("--workers is 0"));
  const auto cloud = testing::write_file(dir_.path() / "a.xyz", "1 2 3\n");
  EXPECT_THAT(run({cloud}).text, HasSubstr("hold no video"));
}

TEST(IndexCacheFolder, IsTheUsersUnlessSaidOtherwise) {
  const char* const before = std::getenv("XDG_CACHE_HOME");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("XDG_CACHE_HOME", "/caches", 1);
  EXPECT_EQ(index_folder("auto").path, "/caches/larkspur/videos");
  ::setenv("XDG_CACHE_HOME", "relative", 1);
  const char* const home = std::getenv("HOME");
  if (home != nullptr) {
    EXPECT_EQ(index_folder("auto").path, std::string(home) + "/.cache/larkspur/videos");
  }
  EXPECT_EQ(index_folder("none").path, "");
  EXPECT_EQ(index_folder("data/index").path, "data/index");
  EXPECT_TRUE(index_folder("auto").is_read_only) << "a run fills no home folder unasked";
  EXPECT_FALSE(index_folder("data/index").is_read_only);
  before == nullptr ? ::unsetenv("XDG_CACHE_HOME") : ::setenv("XDG_CACHE_HOME", kept.c_str(), 1);
}

}  // namespace
}  // namespace larkspur::launch
