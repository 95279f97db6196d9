// SPDX-License-Identifier: Apache-2.0
// mpirun is a shell script here that keeps its words; the real one is in tests/system.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "launch/verbs/commands.h"
#include "tests/support/file_contents.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using testing::contents_of;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto* kHosts = "a slots=2 max_slots=4\nb.cluster slots=1  # the far one\n";

class LaunchCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = std::getenv("PATH");
    ::setenv("PATH", (dir_.path().string() + ":" + path_).c_str(), 1);
    std::ofstream(at("job.yaml")) << "seed: 9\n";
    std::ofstream(at("hosts")) << kHosts;
  }
  void TearDown() override { ::setenv("PATH", path_.c_str(), 1); }

  std::string at(const std::string& name) const { return (dir_.path() / name).string(); }

  /// An mpirun that loses `host` in its first start, and is done in its second.
  void lose(const std::string& host) const {
    const std::string rule(76, '-');
    std::ofstream(at("mpirun")) << "#!/bin/sh\necho \"$@\" >>" << at("calls") << "\n[ $(wc -l <"
                                << at("calls") << ") = 1 ] || exit 0\ncat >&2 <<END\n"
                                << rule << "\nORTE has lost communication with a remote daemon.\n\n"
                                << "  Remote daemon: [[1,0],1] on node " << host << "\n"
                                << rule << "\nEND\nexit 205\n";
    ::chmod(at("mpirun").c_str(), 0755);
  }

  /// Its code; what it refused and what it said are kept.
  int launch(std::vector<std::string> options) {
    options.insert(options.end(), {"--", "train", at("job.yaml"), "output=" + at("out/run")});
    std::ostringstream out;
    Invocation call{"larkspur launch", std::move(options), out};
    ::testing::internal::CaptureStderr();
    refusal_ = testing::refusal_of([&] { run_launch(call); }).text;
    said_ = ::testing::internal::GetCapturedStderr();
    return call.code;
  }

  testing::TempDir dir_;
  std::string path_;
  std::string refusal_;
  std::string said_;
};

TEST_F(LaunchCommand, AHostLostBeforeThereIsAFolderIsLeftOut) {
  lose("b");
  EXPECT_EQ(
      launch({"-n", "3", "--max-restarts", "2", "--min-ranks", "1", "--hostfile", at("hosts")}), 0);
  EXPECT_EQ(refusal_, "");
  EXPECT_THAT(said_, HasSubstr("lost the connection to host b"));
  EXPECT_THAT(said_, HasSubstr("on 2 ranks"));
  EXPECT_EQ(contents_of(at("out/run/hosts_left")), "a slots=2 max_slots=4\n");
  EXPECT_THAT(contents_of(at("calls")), HasSubstr("--hostfile " + at("out/run/hosts_left")));
}

TEST_F(LaunchCommand, TheFaultIsSaidBeforeWritingFails) {
  lose("b");
  std::ofstream(at("out")) << "no folder\n";
  launch({"-n", "3", "--max-restarts", "2", "--min-ranks", "1", "--hostfile", at("hosts")});
  EXPECT_THAT(said_, HasSubstr("lost the connection to host b"));
  EXPECT_THAT(refusal_, HasSubstr("hosts_left"));
}

TEST_F(LaunchCommand, AHostThatTheFileCallsOtherwiseIsNamed) {
  lose("10.0.0.7");
  EXPECT_EQ(
      launch({"-n", "3", "--max-restarts", "2", "--min-ranks", "1", "--hostfile", at("hosts")}), 0);
  EXPECT_THAT(said_, HasSubstr("on 3 ranks"));
  EXPECT_THAT(said_,
              HasSubstr("host 10.0.0.7 is not a line of " + at("hosts") +
                        ", nothing is left out: call it there as it is called here"));
  EXPECT_FALSE(std::filesystem::exists(at("out/run/hosts_left")));
}

TEST_F(LaunchCommand, AHostfileIsMpirunsAloneWithoutMinRanks) {
  lose("b");
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);  // opened here, nobody would write to it
  EXPECT_EQ(launch({"-n", "3", "--max-restarts", "1", "--hostfile", at("pipe")}), 0);
  EXPECT_EQ(refusal_, "");
  EXPECT_THAT(said_, Not(HasSubstr("not a line of")));
  launch({"-n", "3", "--max-restarts", "1", "--min-ranks", "1", "--hostfile", at("pipe")});
  EXPECT_THAT(refusal_, HasSubstr("is no regular file, and --min-ranks reads it"));
}

TEST_F(LaunchCommand, MinRanksWithoutWhatItNeedsIsRefused) {
  lose("b");
  launch({"-n", "3", "--max-restarts", "2", "--min-ranks", "1"});
  EXPECT_EQ(refusal_,
            "--min-ranks is 1, but no --hostfile says which hosts are left without the one that "
            "went");
  std::ofstream(at("hosts")) << "a slots=2\nb\n";
  launch({"-n", "3", "--max-restarts", "2", "--min-ranks", "1", "--hostfile", at("hosts")});
  EXPECT_THAT(refusal_, HasSubstr(at("hosts") + ":2: host b has no slots=N"));
  EXPECT_FALSE(std::filesystem::exists(at("calls")));
}

}  // namespace
}  // namespace larkspur::launch
