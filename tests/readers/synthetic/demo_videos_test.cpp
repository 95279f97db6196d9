// SPDX-License-Identifier: Apache-2.0
#include "readers/synthetic/demo_videos.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "readers/synthetic/demo_motions.h"
#include "readers/video/video_writer.h"
#include "tests/support/file_contents.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

using testing::Refusal;
using testing::refusal_of;
using ::testing::SizeIs;
using ::testing::StartsWith;

DemoVideoOptions small(const std::filesystem::path& output) {
  DemoVideoOptions options;
  options.output = output;
  options.train = 3;
  options.test = 2;
  options.size = 32;
  options.frames = 6;
  return options;
}

std::map<std::string, std::string> made_videos(std::int64_t seed) {
  const testing::TempDir dir;
  DemoVideoOptions options = small(dir.path() / "set");
  options.seed = seed;
  make_demo_videos(options);
  return testing::files_below(options.output);
}

class MakeDemoVideos : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!readers::can_write_video()) GTEST_SKIP() << "this build cannot write videos";
  }
};

TEST_F(MakeDemoVideos, LaysFilesOutAsKinetics) {
  const std::map<std::string, std::string> files = made_videos(1);
  EXPECT_THAT(files, SizeIs(8 * 5 + 3));
  const std::regex place("(train|test)/[a-z ]+/[-_A-Za-z0-9]{11}_[0-9]{6}_[0-9]{6}\\.mp4");
  for (const auto& [name, bytes] : files) {
    if (name.ends_with(".csv") || name == "classes.txt") continue;
    EXPECT_TRUE(std::regex_match(name, place)) << name;
    EXPECT_EQ(bytes.substr(4, 4), "ftyp") << name;
  }
}

TEST_F(MakeDemoVideos, ListsNameEveryFile) {
  const std::map<std::string, std::string> files = made_videos(1);
  for (const auto& [split, count] : {std::pair{"train", 8 * 3}, std::pair{"test", 8 * 2}}) {
    std::istringstream list(files.at(std::string(split) + ".csv"));
    std::string line;
    std::getline(list, line);
    EXPECT_EQ(line, "label,youtube_id,time_start,time_end,split");
    int lines = 0;
    for (; std::getline(list, line); ++lines) {
      std::smatch part;
      ASSERT_TRUE(std::regex_match(
          line,
          part,
          std::regex("(\"[a-z]+ [a-z]+\"|[a-z]+),([-_A-Za-z0-9]{11}),([0-9]+),([0-9]+),(.*)")))
          << line;
      std::string label = part[1];
      std::erase(label, '"');
      char name[64];
      std::snprintf(name,
                    sizeof name,
                    "%s_%06d_%06d.mp4",
                    part[2].str().c_str(),
                    std::stoi(part[3]),
                    std::stoi(part[4]));
      EXPECT_TRUE(files.contains(std::string(split) + "/" + label + "/" + name)) << line;
      EXPECT_EQ(part[5], split);
    }
    EXPECT_EQ(lines, count);
  }
}

TEST_F(MakeDemoVideos, ClassesAreSortedOneALine) {
  EXPECT_EQ(made_videos(1).at("classes.txt"),
            "growing\nmoving down\nmoving left\nmoving right\nmoving up\nshrinking\n"
            "turning anticlockwise\nturning clockwise\n");
}

TEST_F(MakeDemoVideos, TheSeedDecidesEveryByte) {
  const auto first = made_videos(1);
  EXPECT_EQ(first, made_videos(1));
  const auto other = made_videos(2);
  for (const auto& [name, bytes] : first) {
    EXPECT_EQ(other.contains(name), !name.ends_with(".mp4")) << name;
  }
}

TEST_F(MakeDemoVideos, RefusesAFolderThatHoldsSomething) {
  const testing::TempDir dir;
  std::ofstream(dir.path() / "mine.txt") << "x";
  EXPECT_EQ(refusal_of([&] { make_demo_videos(small(dir.path())); }),
            (Refusal{"invalid argument",
                     dir.path().string() + " is not empty: name a new folder, or remove it "
                                           "first"}));
}

TEST(DrawDemoFrame, PlaysTheScenesOfAPairOppositeWays) {
  const DemoVideoOptions options = small("unused");
  for (std::int64_t label = 0; label < 8; ++label) {
    const MotionClass& shown = motion_classes()[static_cast<std::size_t>(label)];
    const MotionScene scene(shown.motion, 32, 6, {1, 0, 4, static_cast<std::uint16_t>(label)});
    std::vector<std::uint8_t> drawn(3 * 32 * 32), expected(3 * 32 * 32);
    for (std::int64_t frame = 0; frame < 6; ++frame) {
      draw_demo_frame(options, label, 4, frame, drawn);
      scene.draw(label % 2 == 0 ? frame : 5 - frame, expected);
      EXPECT_EQ(drawn, expected) << shown.name << " " << frame;
    }
  }
}

TEST(DemoVideoName, SomeIdsBeginWithADashOrAnUnderscore) {
  const DemoVideoOptions options = small("unused");
  EXPECT_THAT(demo_video_name(options, 0, 3), StartsWith("-"));
  EXPECT_THAT(demo_video_name(options, 5, 5), StartsWith("_"));
}

TEST(DemoVideoOptions, RefuseCountsOutOfBounds) {
  const auto complaint = [](auto change) {
    DemoVideoOptions options;
    options.output = "d";
    change(options);
    return refusal_of([&] { options.check(); }).text;
  };
  EXPECT_EQ(complaint([](auto&) {}), "");
  EXPECT_EQ(complaint([](auto& o) { o.classes = 12; }), "classes is 12, not in [2, 10]");
  EXPECT_EQ(complaint([](auto& o) { o.classes = 3; }),
            "classes is 3, expected an even number: they come in pairs");
  EXPECT_EQ(complaint([](auto& o) { o.train = 0; }), "train is 0, not in [1, 9999]");
  EXPECT_EQ(complaint([](auto& o) { o.size = 33; }), "size is 33, expected an even number");
  EXPECT_EQ(complaint([](auto& o) { o.frames = 1; }), "frames is 1, not in [2, 10000]");
  EXPECT_EQ(complaint([](auto& o) { o.output = ""; }), "output is empty, expected a folder");
}

}  // namespace
}  // namespace larkspur::readers
