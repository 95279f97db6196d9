// SPDX-License-Identifier: Apache-2.0
#include "launch/config/aligned_text.h"

#include <gtest/gtest.h>

namespace larkspur::launch {
namespace {

const TextRows kRows{{"a", "word"}, {"longer", ""}, {"b", "c"}};

TEST(AlignedText, HasColumnsAndNoBlanksAtLineEnds) {
  EXPECT_EQ(aligned_text(kRows), "a       word\nlonger\nb       c\n");
}

TEST(MarkdownText, HasALineUnderTheHeading) {
  EXPECT_EQ(markdown_text(kRows), "| a | word |\n|---|---|\n| longer |  |\n| b | c |\n");
}

}  // namespace
}  // namespace larkspur::launch
