// SPDX-License-Identifier: Apache-2.0
#include "readers/list/labelled_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/readers/write_file.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::refusal_of;

using Labels = std::vector<std::int64_t>;

SampleList read(const std::string& text, bool several, const ClassNames& names = {}) {
  return read_labelled(lines_of(text), {"list.csv", "root"}, names, several);
}

TEST(LabelledList, TakesAllLabelsBehindAPathHoweverTheyAreSeparated) {
  const std::string text =
      "a/b c.mp4 1 5 7\n"      // as mmaction2 has them
      "one.mp4,2\n"            //
      "d.mkv\t0,3\n"           //
      "\"e f.mp4\",\"4;6\"\n"  //
      "no_ending 9\n"          //
      "g.npy 3 3 1\n";         // twice is once
  const SampleList list = read(text, true);
  ASSERT_EQ(list.entries.size(), 6U);
  EXPECT_EQ(list.entries[0].name, "a/b c.mp4");
  EXPECT_EQ(list.entries[0].path, "root/a/b c.mp4");
  EXPECT_EQ(list.entries[0].all_labels(), (Labels{1, 5, 7}));
  EXPECT_EQ(list.entries[1].all_labels(), (Labels{2}));
  EXPECT_EQ(list.entries[2].all_labels(), (Labels{0, 3}));
  EXPECT_EQ(list.entries[3].name, "e f.mp4");
  EXPECT_EQ(list.entries[3].all_labels(), (Labels{4, 6}));
  EXPECT_EQ(list.entries[5].all_labels(), (Labels{3, 1}));
  EXPECT_EQ(list.classes.size(), 10U);
}

TEST(LabelledList, TakesNamesAndNumbersAsSeveralLabels) {
  const testing::TempDir folder;
  const ClassNames names(
      testing::write_file(folder.path() / "names.txt", "tai chi\nabseiling\nzumba\n"));
  const SampleList list = read("a.mp4 tai chi; zumba\nb.mp4,abseiling\nc.mp4 2 0\n", true, names);
  EXPECT_EQ(list.entries[0].all_labels(), (Labels{0, 2}));
  EXPECT_EQ(list.entries[1].all_labels(), (Labels{1}));
  EXPECT_EQ(list.entries[2].all_labels(), (Labels{2, 0}));
  EXPECT_EQ(refusal_of([&] { (void)read("a.mp4 waltz\n", true, names); }).text,
            "list.csv:1: label 'waltz' is not a class of " + names.file().string());
  EXPECT_THAT(refusal_of([&] { (void)read("a.mp4 3\n", true, names); }).text,
              HasSubstr("label 3 is not in [0, 3)"));
  EXPECT_THAT(refusal_of([&] { (void)read("a.mp4 1\nb.mp4\n", true); }).text,
              HasSubstr("list.csv:2: no label behind 'b.mp4'"));
}

TEST(LabelledList, HasNoLabelsWhereEveryLineIsAPath) {
  const SampleList list = read("a b.mp4\nc.npy\n", false);
  EXPECT_FALSE(list.is_labelled());
  EXPECT_EQ(list.entries[0].name, "a b.mp4");
  EXPECT_EQ(list.entries[1].label, kNoLabel);
  EXPECT_TRUE(list.classes.empty());
  EXPECT_THAT(refusal_of([&] { (void)read("a.mp4\nb.mp4 1\n", false); }).text,
              HasSubstr("list.csv:1: expected a path and a label, found 'a.mp4'"));
}

}  // namespace
}  // namespace larkspur::readers
