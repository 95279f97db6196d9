// SPDX-License-Identifier: Apache-2.0
#include "readers/synthetic/demo_clouds.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/readers/synthetic/mesh_checks.h"
#include "tests/support/file_contents.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

using ::testing::IsEmpty;
using testing::Refusal;
using testing::refusal_of;
using ::testing::SizeIs;

/// Every file below a folder, by its path there.
std::map<std::string, std::string> made_clouds(std::int64_t seed) {
  const testing::TempDir dir;
  make_demo_clouds({dir.path() / "set", 3, 8, 2, seed});
  return testing::files_below(dir.path() / "set");
}

TEST(DemoShape, EveryClassIsClosedAndLooksOutward) {
  const auto names = demo_class_names();
  for (std::size_t label = 0; label < names.size(); ++label) {
    for (std::int64_t number = 1; number <= 12; ++number) {
      const Mesh mesh = demo_shape(5, static_cast<std::int64_t>(label), number);
      EXPECT_THAT(testing::open_edges(mesh), IsEmpty()) << names[label] << " " << number;
      EXPECT_GE(mesh.vertices.size(), 30U);
      EXPECT_LE(mesh.vertices.size(), 1500U);
      for (const Mesh& body : testing::bodies(mesh)) {
        EXPECT_GT(testing::volume(body), 0.0) << names[label] << " " << number;
      }
    }
  }
}

TEST(DemoShape, HasUpToTwoBlocksBesideIt) {
  std::set<std::size_t> bodies;
  for (std::int64_t number = 1; number <= 40; ++number) {
    bodies.insert(testing::bodies(demo_shape(1, 0, number)).size());
  }
  EXPECT_EQ(bodies, (std::set<std::size_t>{1, 2, 3}));
}

TEST(DemoShape, NoTwoAreAlike) {
  std::set<std::string> shapes;
  for (const std::int64_t seed : {1, 2}) {
    for (const std::int64_t label : {0, 3}) {
      for (std::int64_t number = 1; number <= 10; ++number) {
        shapes.insert(off_text(demo_shape(seed, label, number), OffHeader::kSeparate));
      }
    }
  }
  EXPECT_EQ(shapes.size(), 40U);
}

TEST(DemoClassNames, AreSortedAndSomeHoldAnUnderscore) {
  const auto names = demo_class_names();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_TRUE(std::any_of(names.begin(), names.end(), [](std::string_view name) {
    return name.find('_') != std::string_view::npos;
  }));
}

TEST(MakeDemoClouds, LaysFilesOutAsModelNet) {
  const std::map<std::string, std::string> files = made_clouds(1);
  EXPECT_THAT(files, SizeIs(3 * 10));
  for (const std::string name : {"box", "cone", "cross_bar"}) {
    EXPECT_TRUE(files.contains(name + "/train/" + name + "_0001.off"));
    EXPECT_TRUE(files.contains(name + "/train/" + name + "_0008.off"));
    EXPECT_TRUE(files.contains(name + "/test/" + name + "_0009.off"));
    EXPECT_TRUE(files.contains(name + "/test/" + name + "_0010.off"));
  }
}

TEST(MakeDemoClouds, WritesWhatTheHeaderCounts) {
  for (const auto& [name, text] : made_clouds(1)) {
    std::istringstream words(text.substr(3));
    std::size_t vertices = 0, faces = 0, edges = 1;
    words >> vertices >> faces >> edges;
    const std::vector<double> numbers{std::istream_iterator<double>(words), {}};
    EXPECT_EQ(text.substr(0, 3), "OFF") << name;
    EXPECT_EQ(edges, 0U) << name;
    EXPECT_EQ(numbers.size(), 3 * vertices + 4 * faces) << name;
  }
}

TEST(MakeDemoClouds, OneFileInFiveHasItsHeaderGlued) {
  const std::map<std::string, std::string> files = made_clouds(1);
  const auto glued = std::count_if(
      files.begin(), files.end(), [](const auto& file) { return file.second[3] != '\n'; });
  EXPECT_EQ(glued, 6);
  EXPECT_NE(files.at("box/train/box_0005.off")[3], '\n');
}

TEST(MakeDemoClouds, TheSeedDecidesEveryByte) {
  const auto first = made_clouds(1);
  const auto other = made_clouds(2);
  EXPECT_EQ(first, made_clouds(1));
  for (const auto& [name, text] : first) EXPECT_NE(other.at(name), text) << name;
}

TEST(MakeDemoClouds, RefusesAFolderThatHoldsSomething) {
  const testing::TempDir dir;
  std::ofstream(dir.path() / "mine.txt") << "x";
  EXPECT_EQ(refusal_of([&] { make_demo_clouds({dir.path()}); }),
            (Refusal{"invalid argument",
                     dir.path().string() + " is not empty: name a new folder, or remove it "
                                           "first"}));
}

TEST(MakeDemoClouds, AFolderThatCannotBeMadeIsNamed) {
  const testing::TempDir dir;
  std::ofstream(dir.path() / "file") << "x";
  const Refusal refusal = refusal_of([&] { make_demo_clouds({dir.path() / "file" / "set"}); });
  EXPECT_EQ(refusal.code, "input/output");
  EXPECT_THAT(refusal.text, ::testing::HasSubstr((dir.path() / "file" / "set").string()));
}

TEST(DemoCloudOptions, RefuseCountsOutOfBounds) {
  const auto complaint = [](const DemoCloudOptions& options) {
    return refusal_of([&] { options.check(); }).text;
  };
  EXPECT_EQ(complaint({"d"}), "");
  EXPECT_EQ(complaint({"d", 11}), "classes is 11, not in [2, 10]");
  EXPECT_EQ(complaint({"d", 10, 0}), "train is 0, not in [1, 9999]");
  EXPECT_EQ(complaint({"d", 10, 50, 0}), "test is 0, not in [1, 9949]");
  EXPECT_EQ(complaint({"d", 10, 50, 20, -1}), "seed is -1, not >= 0");
  EXPECT_EQ(complaint({""}), "output is empty, expected a folder");
}

}  // namespace
}  // namespace larkspur::readers
