// SPDX-License-Identifier: Apache-2.0
// The main of every test program. A test that hangs is named, and slow suites ("Slow.../") run only
// when they are asked for: they take minutes each.
#include <csignal>
#include <cstring>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace {

constexpr unsigned kDeadlineSeconds = 120;
constexpr unsigned kSlowDeadlineSeconds = 1800;

std::string running;  // read by the signal handler, not changed while an alarm is set

void name_and_leave(int /*signal*/) {
  constexpr std::string_view kText = " has not ended before its deadline\n";
  if (::write(STDERR_FILENO, running.data(), running.size()) < 0 ||
      ::write(STDERR_FILENO, kText.data(), kText.size()) < 0) {
    ::_exit(2);
  }
  ::_exit(1);
}

class Deadline : public ::testing::EmptyTestEventListener {
 public:
  void OnTestStart(const ::testing::TestInfo& info) override {
    running = std::string("test ") + info.test_suite_name() + "." + info.name();
    ::alarm(running.starts_with("test Slow") ? kSlowDeadlineSeconds : kDeadlineSeconds);
  }
  void OnTestEnd(const ::testing::TestInfo& /*info*/) override { ::alarm(0); }
};

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleMock(&argc, argv);
  if (::testing::GTEST_FLAG(filter) == "*") ::testing::GTEST_FLAG(filter) = "-Slow*/*";
  std::signal(SIGALRM, name_and_leave);
  ::testing::UnitTest::GetInstance()->listeners().Append(new Deadline);
  return RUN_ALL_TESTS();
}
