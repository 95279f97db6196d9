// SPDX-License-Identifier: Apache-2.0
#include "model3d/weights/pickle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/refusal.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::refusal_of;
using namespace std::string_view_literals;
using ::testing::HasSubstr;

constexpr std::string_view kAllowed[] = {"collections.OrderedDict"};

Pickle read(std::string_view bytes) { return {bytes, "w.pth", kAllowed}; }

std::string complaint(std::string_view bytes) {
  return refusal_of([&] { read(bytes); }).text;
}

std::int64_t integer(std::string_view bytes) {
  const Pickle pickle = read(bytes);
  EXPECT_EQ(pickle.root().kind, PickleKind::kInteger);
  return pickle.root().integer;
}

TEST(Pickle, ReadsIntegersOfEveryWidth) {
  EXPECT_EQ(integer("K\xff."sv), 255);
  EXPECT_EQ(integer("M\x01\x02."sv), 513);
  EXPECT_EQ(integer("J\xfe\xff\xff\xff."sv), -2);
  EXPECT_EQ(integer("\x8a\x00."sv), 0);
  EXPECT_EQ(integer("\x8a\x01\xff."sv), -1);
  EXPECT_EQ(integer("\x8a\x05\x00\x00\x00\x00\x01."sv), std::int64_t{1} << 32);
}

TEST(Pickle, BuildsDictionariesTuplesAndWhatTheMemoKept) {
  // {"a": (1, 2, [1]), "b": the same tuple}, protocol 4
  const Pickle pickle = read(
      "\x80\x04}(\x8c\x01"
      "aK\x01K\x02]K\x01"
      "a\x87\x94\x8c\x01"
      "bh\x00u."sv);
  const PickleNode* a = pickle.find(pickle.root(), "a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->kind, PickleKind::kTuple);
  ASSERT_EQ(a->items.size(), 3U);
  EXPECT_EQ(pickle.at(a->items[1]).integer, 2);
  EXPECT_EQ(pickle.at(a->items[2]).kind, PickleKind::kList);
  EXPECT_EQ(pickle.find(pickle.root(), "b"), a);
  EXPECT_EQ(pickle.find(pickle.root(), "c"), nullptr);
}

TEST(Pickle, SurvivesLoopsAndDepth) {
  EXPECT_EQ(read("]q\x01h\x01"
                 "a.")
                .root()
                .items.size(),
            1U);  // a list that holds itself
  const std::string deep = std::string(1'000'000, ']') + std::string(999'999, 'a') + ".";
  EXPECT_EQ(read(deep).root().kind, PickleKind::kList);
}

TEST(Pickle, RefusesWhatContradictsItself) {
  for (const char* bytes : {"",
                            "K",
                            "}",
                            "X\xff\xff\xff\xff",
                            "\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
                            "cos",
                            "cos\nsystem"}) {
    EXPECT_THAT(complaint(bytes), HasSubstr("is cut short")) << bytes;
  }
  EXPECT_THAT(complaint("."), HasSubstr("empty stack"));
  EXPECT_THAT(complaint("N(0."), HasSubstr("empty stack")) << "takes what lies below a mark";
  EXPECT_THAT(complaint("h\x05."), HasSubstr("was not kept"));
  EXPECT_THAT(complaint("t."), HasSubstr("a mark that is not there"));
  EXPECT_THAT(complaint("NNa."), HasSubstr("takes no items"));
  EXPECT_THAT(complaint("}(Nu."), HasSubstr("takes no items"));
  EXPECT_THAT(complaint("N)R."), HasSubstr("calls what is no name"));
  EXPECT_THAT(complaint("\x8a\x09."), HasSubstr("beyond 64 bits"));
}

TEST(Pickle, NamesWhatItDoesNotKnow) {
  EXPECT_THAT(complaint("c__builtin__\neval\n."), HasSubstr("names __builtin__.eval"));
  EXPECT_THAT(complaint("cos\n\x1b[2J\n."), HasSubstr("names os.?[2J,"));
  EXPECT_THAT(complaint("\x81."), HasSubstr("opcode 0x81"));
  EXPECT_THAT(complaint(std::string(kMaxPickleBytes + 1, 'N')), HasSubstr("more than"));
}

}  // namespace
}  // namespace larkspur::model3d
