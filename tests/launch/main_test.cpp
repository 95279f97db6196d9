// SPDX-License-Identifier: Apache-2.0
// The program itself: what a shell sees of it.
#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace larkspur::launch {
namespace {

using ::testing::HasSubstr;

struct Ended {
  int code = -1;
  std::string text;  // stdout and stderr
};

/// Runs the program that was built beside these tests, in front of it what the shell is to set.
Ended larkspur(const std::string& arguments, const std::string& setting = "") {
  const auto tests = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::string program = (tests.parent_path() / "larkspur").string();
  FILE* pipe = popen((setting + " '" + program + "' " + arguments + " 2>&1").c_str(), "r");
  Ended ended;
  std::array<char, 4096> piece{};
  while (const std::size_t size = fread(piece.data(), 1, piece.size(), pipe)) {
    ended.text.append(piece.data(), size);
  }
  const int status = pclose(pipe);
  ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ended;
}

TEST(Main, HelpSucceeds) {
  const Ended ended = larkspur("--help");
  EXPECT_EQ(ended.code, 0);
  EXPECT_THAT(ended.text, HasSubstr("usage: larkspur VERB"));
}

TEST(Main, SaysItsVersionAndWhatWasBuiltIn) {
  const Ended ended = larkspur("--version");
  EXPECT_EQ(ended.code, 0);
  EXPECT_THAT(ended.text,
              ::testing::MatchesRegex("larkspur [0-9.]+, commit [0-9a-z]+\nLibTorch .*"));
  for (const char* part : {"\nOpenMPI: ", "\nFFmpeg: ", "\nPCL: ", "\nHDF5: ", "\nCUDA: "}) {
    EXPECT_THAT(ended.text, HasSubstr(part));
  }
}

TEST(Main, HelpOfTrainNamesWhereKeysAreListed) {
  EXPECT_THAT(larkspur("train --help").text, HasSubstr("larkspur inspect config"));
}

TEST(Main, SaysInOneLineWhyItFailed) {
  const Ended ended = larkspur("inspect config /nowhere/x.yaml");
  EXPECT_EQ(ended.code, 2);
  EXPECT_EQ(ended.text, "larkspur: /nowhere/x.yaml: no such file\n");
}

TEST(Main, LaunchDoesNotDieOfASignalWhileItsLibrariesStart) {
  const auto tests = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::string early = "LD_PRELOAD='" + (tests / "libearly_signal.so").string() + "'";
  EXPECT_EQ(larkspur("launch --help", early).code, 0);
  EXPECT_NE(larkspur("train --help", early).code, 0);  // it came, and train has nothing to lose
}

TEST(Main, AReaderWhoHasSeenEnoughIsNoFailure) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ::close(ends[0]);
  ::dup2(ends[1], 9);
  const Ended ended = larkspur("inspect config 3>&1 >&9 2>&3 #");
  EXPECT_EQ(ended.text, "");
  EXPECT_EQ(ended.code, 0);
  ::close(ends[1]);
  ::close(9);
}

TEST(Main, ResultsThatCannotBeWrittenAreAFailure) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full on this system";
  EXPECT_EQ(larkspur("inspect config >/dev/full").code, 2);
}

}  // namespace
}  // namespace larkspur::launch
