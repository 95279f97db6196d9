// SPDX-License-Identifier: Apache-2.0
#include "launch/config/near_name.h"

#include <fstream>

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

const std::vector<std::string> kNames{
    "train", "data.train", "data.frames", "model.form", "train.lanes"};

TEST(EditDistance, CountsEachKindOfSlipOnce) {
  EXPECT_EQ(edit_distance("frames", "frames"), 0U);
  EXPECT_EQ(edit_distance("frmes", "frames"), 1U);
  EXPECT_EQ(edit_distance("fraames", "frames"), 1U);
  EXPECT_EQ(edit_distance("frxmes", "frames"), 1U);
  EXPECT_EQ(edit_distance("farmes", "frames"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
}

TEST(NearestName, FindsAMisspeltPath) {
  EXPECT_EQ(nearest_name("data.frmes", kNames), "data.frames");
}

TEST(NearestName, FindsARightKeyInTheWrongSection) {
  EXPECT_EQ(nearest_name("model.lanes", kNames), "train.lanes");
  EXPECT_EQ(nearest_name("frames", kNames), "data.frames");
}

TEST(NearestName, PrefersTheWholePathOnATie) { EXPECT_EQ(nearest_name("trian", kNames), "train"); }

TEST(NearestName, IsSilentWhenNothingIsNear) {
  EXPECT_EQ(nearest_name("zzzzzz", kNames), std::nullopt);
  EXPECT_EQ(did_you_mean("zzzzzz", kNames), "");
}

TEST(DidYouMeanPath, NamesTheNearestFileInTheFolder) {
  const testing::TempDir dir;
  std::ofstream(dir.path() / "cloud.yaml") << "";
  std::ofstream(dir.path() / "video.yaml") << "";
  EXPECT_EQ(did_you_mean_path(dir.path() / "clouds.yml"),
            "; did you mean '" + (dir.path() / "cloud.yaml").string() + "'?");
}

TEST(DidYouMeanPath, NamesTheFirstFolderThatIsMissing) {
  const testing::TempDir dir;
  std::filesystem::create_directory(dir.path() / "configs");
  EXPECT_EQ(did_you_mean_path(dir.path() / "confgis" / "cloud.yaml"),
            "; did you mean '" + (dir.path() / "configs").string() + "'?");
}

TEST(DidYouMeanPath, IsSilentInAnEmptyFolder) {
  const testing::TempDir dir;
  EXPECT_EQ(did_you_mean_path(dir.path() / "cloud.yaml"), "");
}

}  // namespace
}  // namespace larkspur::launch
