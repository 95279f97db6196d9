// SPDX-License-Identifier: Apache-2.0
#include "distributed/transport/group_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "distributed/transport/solo_group.h"
#include "distributed/transport/thread_group.h"
#include "pipeline/error.h"

namespace larkspur::distributed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

TEST(GroupRegistry, KnowsMpiAndSoloFromTheStart) {
  EXPECT_THAT(group_names(), IsSupersetOf({"mpi", "solo"}));
}

TEST(GroupRegistry, MakesAGroupOfOneWithoutALauncher) {
  EXPECT_EQ(make_process_group({})->size(), 1);
}

TEST(GroupRegistry, MakesARegisteredTransportByName) {
  double seen = 0.0;
  register_group("registry_test", [&seen](const GroupOptions& options) {
    seen = options.deadline_seconds;
    return std::move(make_thread_groups(3, options)[2]);
  });
  const auto group = make_process_group({"registry_test", 12.5});
  EXPECT_EQ(group->size(), 3);
  EXPECT_EQ(group->rank(), 2);
  EXPECT_EQ(seen, 12.5);
}

TEST(GroupRegistry, RefusesANameThatIsTaken) {
  EXPECT_THROW(register_group("solo", make_solo_group), pipeline::Error);
  EXPECT_THROW(register_group("auto", make_solo_group), pipeline::Error);
}

TEST(GroupRegistry, NamesWhatThereIsWhenThereIsNoSuchTransport) {
  try {
    make_process_group({"pigeon", 1.0});
    FAIL() << "nothing was thrown";
  } catch (const pipeline::Error& error) {
    EXPECT_EQ(error.code(), pipeline::Errc::kUnsupported);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("'pigeon'"), HasSubstr("auto mpi")));
  }
}

}  // namespace
}  // namespace larkspur::distributed
