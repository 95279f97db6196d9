// SPDX-License-Identifier: Apache-2.0
#include "pipeline/operation_ring.h"

#include <csignal>
#include <fstream>

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::pipeline {
namespace {

using ::larkspur::testing::error_of;
using ::larkspur::testing::TempDir;
using ::testing::HasSubstr;

TEST(OperationRing, KeepsTheLastOnesOfAProcessThatWasKilled) {
  const TempDir folder;
  const auto path = operations_file(folder.path(), 3);
  const pid_t child = ::fork();
  if (child == 0) {
    OperationRing ring(path, 3, 4);
    for (int step = 1; step <= 100; ++step) {
      ring.at(step, "reduce");
      ring.end(ring.begin("all_to_all bucket " + std::to_string(step)));
    }
    ring.end(7);  // was overwritten long ago
    ring.waiting(ring.begin("all_gather facts"), "rank 1, 2");
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  const OperationRecord record = OperationRing::read(path);
  EXPECT_EQ(record.rank, 3);
  EXPECT_EQ(record.ranks, 4);
  EXPECT_EQ(record.process, child);
  EXPECT_EQ(record.step, 100);
  EXPECT_EQ(record.phase, "reduce");
  ASSERT_EQ(record.operations.size(), 64U);
  EXPECT_EQ(record.operations.front().number, 38);
  EXPECT_EQ(record.operations.front().what, "all_to_all bucket 38");
  EXPECT_GE(record.operations.front().ended, record.operations.front().began);
  EXPECT_EQ(record.operations.back().what, "all_gather facts");
  EXPECT_EQ(record.operations.back().ended, 0.0);
  EXPECT_EQ(record.operations.back().waits_for, "rank 1, 2");
  EXPECT_EQ(record.operations.back().step, 100);
}

TEST(OperationRing, RefusesWhatIsNone) {
  const TempDir folder;
  const auto path = folder.path() / "other";
  std::ofstream(path) << "text";
  EXPECT_EQ(error_of([&] { OperationRing::read(path); }).code(), Errc::kCorruptData);
  EXPECT_EQ(error_of([&] { OperationRing::read(folder.path() / "absent"); }).code(),
            Errc::kNotFound);
}

}  // namespace
}  // namespace larkspur::pipeline
