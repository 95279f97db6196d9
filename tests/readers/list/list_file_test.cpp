// SPDX-License-Identifier: Apache-2.0
#include "readers/list/list_file.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "tests/readers/write_file.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

std::vector<std::pair<std::string, std::string>> splits(const std::string& line) {
  std::vector<std::pair<std::string, std::string>> result;
  for (const LabelledPath& split : splits_of(line)) result.emplace_back(split.path, split.label);
  return result;
}

TEST(ListFile, NumbersTheLinesThatHoldSomething) {
  const testing::TempDir folder;
  const auto path = testing::write_file(folder.path() / "list.txt",
                                        "\xEF\xBB\xBF"
                                        "one 1\r\n\r\n# no\n  two 2 \t\n\nlast");
  std::vector<std::pair<std::int64_t, std::string>> lines;
  for (const ListLine& line : read_lines(path)) lines.emplace_back(line.number, line.text);
  EXPECT_THAT(lines, ElementsAre(Pair(1, "one 1"), Pair(4, "two 2"), Pair(6, "last")));
}

TEST(ListFile, ReadsLinesThatEndInCarriageReturns) {
  std::vector<std::string> lines;
  for (const ListLine& line : lines_of("a.off 0\r\rb.off 1\r")) {
    lines.push_back(std::to_string(line.number) + ":" + line.text);
  }
  EXPECT_THAT(lines, ElementsAre("1:a.off 0", "3:b.off 1"));
}

TEST(ListFile, SaysWhatToDoWithUtf16) {
  const testing::TempDir folder;
  const auto path =
      testing::write_file(folder.path() / "list.txt", std::string("\xFF\xFE\x61\0", 4));
  const testing::Refusal refusal = testing::refusal_of([&] { read_lines(path); });
  EXPECT_EQ(refusal.code, "invalid argument");
  EXPECT_EQ(refusal.text,
            path.string() + ": no list of samples or names, but text in UTF-16: save it as UTF-8");
}

TEST(ListFile, ThrowsForAFileThatIsNotThere) {
  try {
    read_lines("/no/such/list.txt");
    FAIL();
  } catch (const pipeline::Error& error) {
    EXPECT_EQ(error.code(), pipeline::Errc::kNotFound);
  }
}

TEST(ListFile, TakesTheLastFieldAsTheLabel) {
  EXPECT_THAT(splits("a/b.npy 3"), ElementsAre(Pair("a/b.npy", "3")));
  EXPECT_THAT(splits("a b/c d.npy 3"), ElementsAre(Pair("a b/c d.npy", "3")));
  EXPECT_THAT(splits("a.npy\t night_stand"),
              ElementsAre(Pair("a.npy", "night_stand"), Pair("a.npy", "night_stand")));
}

TEST(ListFile, OffersTabThenCommaThenSpace) {
  EXPECT_THAT(splits("a,b c.npy, two words"),
              ElementsAre(Pair("a,b c.npy", "two words"), Pair("a,b c.npy, two", "words")));
}

TEST(ListFile, ReadsQuotedPathsAndLabels) {
  EXPECT_THAT(splits(R"("a, b ""c"".npy", 7)"), ElementsAre(Pair(R"(a, b "c".npy)", "7")));
  EXPECT_THAT(splits(R"("a.npy","night stand")"), ElementsAre(Pair("a.npy", "night stand")));
}

TEST(ListFile, FindsNoSplitInASingleField) {
  for (const char* line : {"airplane_0001", "\"a b.npy\"", "\"open 3", "\"\" 3", ",3"}) {
    EXPECT_THAT(splits(line), IsEmpty()) << line;
  }
}

}  // namespace
}  // namespace larkspur::readers
