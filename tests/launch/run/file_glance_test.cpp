// SPDX-License-Identifier: Apache-2.0
#include "launch/run/file_glance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/readers/write_file.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::write_file;

TEST(FileGlance, NamesWhatIsMissingEmptyOrOfAnotherKind) {
  const testing::TempDir dir;
  write_file(dir.path() / "good.off", "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n");
  write_file(dir.path() / "empty.off", "");
  write_file(dir.path() / "clip.mp4",
             std::string("\0\0\0\x18"
                         "ftypisom",
                         12));
  write_file(dir.path() / "list.txt",
             "good.off 0\nabsent.off 1\nempty.off 0\nclip.mp4 1\ngood.off 1\n");
  RunConfig config;
  config.data.train.list = (dir.path() / "list.txt").string();
  EXPECT_THAT(faults_at_a_glance(config.data, config.data.train, {}),
              ElementsAre(HasSubstr("absent.off: "),
                          HasSubstr("empty.off: zero bytes"),
                          HasSubstr("clip.mp4: no cloud")));

  config.data.kind = DataKind::kVideo;
  EXPECT_THAT(faults_at_a_glance(config.data, config.data.train, {}),
              ElementsAre(HasSubstr("good.off: no video"),
                          HasSubstr("absent.off: "),
                          HasSubstr("empty.off: zero bytes"),
                          HasSubstr("good.off: no video")));
}

TEST(FileGlance, PartsOfAListAreTheWholeOfIt) {
  const testing::TempDir dir;
  write_file(dir.path() / "list.txt", "a.off 0\nb.off 1\nc.off 0\nd.off 1\ne.off 0\n");
  RunConfig config;
  config.data.train.list = (dir.path() / "list.txt").string();
  EXPECT_THAT(faults_at_a_glance(config.data, config.data.train, {0, 2}),
              ElementsAre(HasSubstr("a.off"), HasSubstr("c.off"), HasSubstr("e.off")));
  EXPECT_THAT(faults_at_a_glance(config.data, config.data.train, {1, 2}),
              ElementsAre(HasSubstr("b.off"), HasSubstr("d.off")));
}

}  // namespace
}  // namespace larkspur::launch
