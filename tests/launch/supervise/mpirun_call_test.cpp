// SPDX-License-Identifier: Apache-2.0
#include "launch/supervise/mpirun_call.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

MpirunCall two_ranks() {
  MpirunCall call;
  call.mpirun = "/usr/bin/mpirun";
  call.ranks = 2;
  call.program = "/opt/larkspur";
  call.words = {"train", "a b.yaml", "-x=1"};
  return call;
}

/// The words behind an option.
std::string after(const std::vector<std::string>& words, const std::string& option) {
  const auto at = std::find(words.begin(), words.end(), option);
  return at == words.end() || at + 1 == words.end() ? "absent" : *(at + 1);
}

TEST(MpirunWords, HaveKeepAliveThreadsAndTheProgramLast) {
  EXPECT_THAT(mpirun_words(two_ranks()),
              ElementsAre("/usr/bin/mpirun",
                          "--oversubscribe",
                          "--bind-to",
                          "none",
                          "-n",
                          "2",
                          "--mca",
                          "oob_tcp_keepalive_time",
                          "5",
                          "--mca",
                          "oob_tcp_keepalive_intvl",
                          "2",
                          "--mca",
                          "oob_tcp_keepalive_probes",
                          "3",
                          "-x",
                          "OMP_NUM_THREADS=1",
                          "-x",
                          "LARKSPUR_PROGRESS=launch",
                          "/opt/larkspur",
                          "train",
                          "a b.yaml",
                          "-x=1"));
}

TEST(MpirunWords, AllowRootOnlyWhereItIsRoot) {
  MpirunCall call = two_ranks();
  EXPECT_THAT(mpirun_words(call), Not(Contains("--allow-run-as-root")));
  call.as_root = true;
  EXPECT_THAT(mpirun_words(call), Contains("--allow-run-as-root"));
}

TEST(MpirunWords, NameHostsAndThreads) {
  MpirunCall call = two_ranks();
  call.hostfile = "hosts";
  call.threads = 3;
  EXPECT_EQ(after(mpirun_words(call), "--hostfile"), "hosts");
  EXPECT_THAT(mpirun_words(call), Contains("OMP_NUM_THREADS=3"));
}

TEST(MpirunWords, PassOnWhatAGpusLibrariesRead) {
  const std::array<const char*, 7> environment{"PATH=/bin",
                                               "NCCL_DEBUG=INFO",
                                               "NCCL_HOSTID=head",
                                               "CUBLAS_WORKSPACE_CONFIG=:16:8",
                                               "MY_CUDA_PATH=x",
                                               "CUDA_VISIBLE_DEVICES=",
                                               nullptr};
  MpirunCall call = two_ranks();
  call.passed_on = gpu_variables(environment.data());
  EXPECT_THAT(call.passed_on,
              ElementsAre("NCCL_DEBUG", "CUBLAS_WORKSPACE_CONFIG", "CUDA_VISIBLE_DEVICES"));
  const auto words = mpirun_words(call);
  const auto at = std::find(words.begin(), words.end(), "CUBLAS_WORKSPACE_CONFIG");
  ASSERT_NE(at, words.end());
  EXPECT_EQ(*(at - 1), "-x");
  EXPECT_LT(at, std::find(words.begin(), words.end(), call.program));
}

TEST(FindProgram, TakesTheFirstThatCanBeExecuted) {
  namespace fs = std::filesystem;
  const testing::TempDir dir;
  for (const char* name : {"plain", "first", "second"}) {
    fs::create_directory(dir.path() / name);
    std::ofstream(dir.path() / name / "tool") << "#!/bin/sh\n";
  }
  fs::create_directories(dir.path() / "folder" / "tool");
  for (const char* name : {"first", "second"}) {
    fs::permissions(dir.path() / name / "tool", fs::perms::owner_all);
  }
  const auto in = [&](const std::string& name) { return (dir.path() / name).string(); };
  const std::string path = in("absent") + "::" + in("folder") + ":" + in("plain") + ":" +
                           in("first") + ":" + in("second");
  EXPECT_EQ(find_program("tool", path), in("first") + "/tool");
  EXPECT_EQ(find_program("tool", in("second")), in("second") + "/tool");
  EXPECT_EQ(find_program("tool", in("plain")), "");
  EXPECT_EQ(find_program("tool", ""), "");
}

TEST(Story, NamesTheHostThatWasLost) {
  EXPECT_EQ(story_of({205, false, ""}, "node-b"),
            "the job ended: mpirun has lost the connection to host node-b (see whether it answers "
            "to ping and ssh)");
  EXPECT_EQ(story_of({205, false, ""}, ""), "the job ended with code 205");
  EXPECT_EQ(story_of({128 + 9, false, ""}, ""), "the job died of signal 9");
}

TEST(Codes, OfOursAreHandedOnAndFaultsStartedAgain) {
  for (const int code : {0, 2, 3, 4, 5, 70, 75}) EXPECT_TRUE(is_own_code(code)) << code;
  for (const int code : {1, 127, 128 + 9, 128 + 11, 205}) {
    EXPECT_FALSE(is_own_code(code)) << code;
    EXPECT_TRUE(is_fault(code)) << code;
  }
  EXPECT_TRUE(is_fault(5));
  for (const int code : {0, 2, 3, 4, 70, 75}) EXPECT_FALSE(is_fault(code)) << code;
}

}  // namespace
}  // namespace larkspur::launch
