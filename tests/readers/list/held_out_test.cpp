// SPDX-License-Identifier: Apache-2.0
#include "readers/list/held_out.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/refusal.h"

namespace larkspur::readers {
namespace {

/// 3 classes of 10, 40 and 1 files.
SampleList made_list(const std::string& folder = "a") {
  SampleList list{{}, {"box", "cone", "ring"}};
  for (std::int64_t label = 0; label < 3; ++label) {
    const int files = label == 0 ? 10 : label == 1 ? 40 : 1;
    for (int i = 0; i < files; ++i) {
      const std::string name = list.classes[static_cast<std::size_t>(label)] + std::to_string(i);
      list.entries.push_back({name, folder + "/" + name, label});
    }
  }
  return list;
}

std::set<std::string> names_of(const SampleList& list) {
  std::set<std::string> names;
  for (const SampleEntry& entry : list.entries) names.insert(entry.name);
  return names;
}

TEST(HeldOut, IsAShareOfEachClassAndTheRestIsTheOthers) {
  const auto held = part_of(made_list(), {0.2, 1}, true);
  const auto rest = part_of(made_list(), {0.2, 1}, false);
  std::map<std::int64_t, int> by_label;
  for (const SampleEntry& entry : held.entries) ++by_label[entry.label];
  EXPECT_EQ(by_label, (std::map<std::int64_t, int>{{0, 2}, {1, 8}}));
  std::set<std::string> both = names_of(held);
  both.merge(names_of(rest));
  EXPECT_EQ(both, names_of(made_list()));
  EXPECT_EQ(held.entries.size() + rest.entries.size(), made_list().entries.size());
  EXPECT_EQ(held.classes.size(), 3U);
}

TEST(HeldOut, DependsOnSeedAndNamesAlone) {
  const auto held = names_of(part_of(made_list(), {0.2, 1}, true));
  SampleList other = made_list("elsewhere");
  std::ranges::reverse(other.entries);
  EXPECT_EQ(names_of(part_of(other, {0.2, 1}, true)), held);
  EXPECT_NE(names_of(part_of(made_list(), {0.2, 2}, true)), held);
  const auto more = names_of(part_of(made_list(), {0.4, 1}, true));
  EXPECT_TRUE(std::ranges::includes(more, held)) << "a larger share holds the smaller one";
}

TEST(HeldOut, AFileThatStandsTwiceIsOnOneSide) {
  SampleList list = made_list();
  const auto once = list.entries;
  list.entries.insert(list.entries.end(), once.begin(), once.end());
  const auto held = part_of(list, {0.2, 1}, true);
  EXPECT_EQ(held.entries.size(), 2U * 10U);
  EXPECT_EQ(names_of(held), names_of(part_of(made_list(), {0.2, 1}, true)));
}

TEST(HeldOut, RefusesToHoldOutNothing) {
  EXPECT_THAT(testing::refusal_of([] {
                part_of(made_list(), {0.001, 1}, true);
              }).text,
              ::testing::HasSubstr("data.holdout=0.001"));
}

}  // namespace
}  // namespace larkspur::readers
