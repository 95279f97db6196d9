// SPDX-License-Identifier: Apache-2.0
#include "launch/run/label_map.h"

#include <gmock/gmock.h>

#include "pipeline/error.h"
#include "tests/support/refusal.h"

namespace larkspur::launch {
namespace {

using ::testing::HasSubstr;

readers::SampleList list_of(std::vector<std::string> classes, std::vector<std::int64_t> labels) {
  readers::SampleList list;
  list.classes = std::move(classes);
  for (const std::int64_t label : labels) {
    list.entries.emplace_back();
    list.entries.back().label = label;
  }
  return list;
}

std::vector<std::int64_t> labels_of(const readers::SampleList& list) {
  std::vector<std::int64_t> labels;
  for (const readers::SampleEntry& entry : list.entries) labels.push_back(entry.label);
  return labels;
}

TEST(LabelMap, KeepsTheMeaningOfAListInAnotherOrderAndWithoutSomeClasses) {
  readers::SampleList list = list_of({"sofa", "bed"}, {0, 1, 1});
  align_labels(list, {"bed", "chair", "sofa"}, "val.txt");
  EXPECT_EQ(labels_of(list), (std::vector<std::int64_t>{2, 0, 0}));
  EXPECT_EQ(list.classes, (std::vector<std::string>{"bed", "chair", "sofa"}));
}

TEST(LabelMap, RenumbersEveryLabelOfASampleAndLeavesThoseWithoutAlone) {
  readers::SampleList list = list_of({"sofa", "bed"}, {0, 1});
  list.entries[0].more_labels = {1};
  align_labels(list, {"bed", "chair", "sofa"}, "val.txt");
  EXPECT_EQ(list.entries[0].all_labels(), (std::vector<std::int64_t>{2, 0}));
  readers::SampleList bare = list_of({}, {readers::kNoLabel, readers::kNoLabel});
  align_labels(bare, {"bed", "chair"}, "test.txt");
  EXPECT_EQ(labels_of(bare), (std::vector<std::int64_t>{-1, -1}));
  EXPECT_EQ(bare.classes.size(), 2U);
}

TEST(LabelMap, KeepsBareNumbersWhereTheModelHasThemToo) {
  readers::SampleList list = list_of({"0", "1"}, {1, 0});
  align_labels(list, {"0", "1", "2"}, "val.txt");
  EXPECT_EQ(labels_of(list), (std::vector<std::int64_t>{1, 0}));
}

TEST(LabelMap, AsksForNamesWhereAListOfNumbersMeetsAModelOfNames) {
  readers::SampleList list = list_of({"0", "1"}, {1, 0});
  EXPECT_THAT(testing::refusal_of([&] {
                align_labels(list, {"bed", "chair"}, "val.txt");
              }).text,
              HasSubstr("val.txt has numbers for labels, the model has names: set labels"));
}

TEST(LabelMap, TakesNumbersThatAreNamesOfClassesForNames) {
  readers::SampleList list = list_of({"0", "1", "2", "3"}, {3, 1, 2});
  align_labels(list, {"1", "2", "3"}, "val.txt");
  EXPECT_EQ(labels_of(list), (std::vector<std::int64_t>{2, 0, 1}));
}

TEST(LabelMap, NamesAClassThatTheModelDoesNotKnow) {
  readers::SampleList list = list_of({"bed", "piano"}, {0, 1});
  try {
    align_labels(list, {"bed", "chair"}, "val.txt");
    FAIL();
  } catch (const pipeline::Error& error) {
    EXPECT_EQ(error.code(), pipeline::Errc::kInvalidArgument);
    EXPECT_THAT(error.what(), HasSubstr("val.txt has the class 'piano'"));
  }
}

TEST(LabelMap, RefusesNumbersBeyondTheMap) {
  readers::SampleList list = list_of({"0", "1", "2"}, {2});
  EXPECT_THROW(align_labels(list, {"0", "1"}, "val.txt"), pipeline::Error);
}

}  // namespace
}  // namespace larkspur::launch
