// SPDX-License-Identifier: Apache-2.0
#include "readers/list/list_notes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larkspur::readers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ListNotes, NameFilesUnderSeveralLabels) {
  const SampleList list{
      {{"a.off", "r/a.off", 0}, {"b.off", "r/b.off", 0}, {"./a.off", "r/./a.off", 1}},
      {"box", "cone"}};
  EXPECT_THAT(notes_on(list),
              ElementsAre("files under more than one label: 1, the first ./a.off as 'box' and as "
                          "'cone'"));
}

TEST(ListNotes, NameClassesWithoutASample) {
  EXPECT_THAT(notes_on({{{"a", "a", 1}}, {"v", "w", "x", "y", "z"}}),
              ElementsAre("classes without a sample: 4 of 5, 'v', 'x', 'y', ..."));
}

TEST(ListNotes, SayNothingOfAListThatRepeatsASample) {
  EXPECT_THAT(notes_on({{{"a", "a", 0}, {"a", "a", 0}}, {"box"}}), IsEmpty());
}

}  // namespace
}  // namespace larkspur::readers
