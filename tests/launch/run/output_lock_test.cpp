// SPDX-License-Identifier: Apache-2.0
#include "launch/run/output_lock.h"

#include <cerrno>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using ::testing::HasSubstr;

TEST(OutputLock, IsHeldOnce) {
  const testing::TempDir folder;
  const OutputLock lock(folder.path());
  const auto refusal = testing::refusal_of([&] { const OutputLock second(folder.path()); });
  EXPECT_EQ(refusal.code, "invalid argument");
  EXPECT_THAT(refusal.text, HasSubstr("another run is at work in " + folder.path().string()));
}

TEST(OutputLock, AFileSystemWithoutLocksIsNoOtherRun) {
  const pipeline::Error error = lock_error(ENOLCK, "runs/a");
  EXPECT_EQ(error.code(), pipeline::Errc::kIo);
  EXPECT_THAT(error.what(), HasSubstr("output: cannot lock runs/a/.lock: No locks available"));
}

}  // namespace
}  // namespace larkspur::launch
