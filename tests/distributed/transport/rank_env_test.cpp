// SPDX-License-Identifier: Apache-2.0
#include "distributed/transport/rank_env.h"

#include <array>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"

namespace larkspur::distributed {
namespace {

using ::testing::HasSubstr;
using Variables = std::map<std::string, std::string>;

RankEnv read(const Variables& variables) {
  return read_rank_env([&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

/// `base` with some variables set otherwise.
Variables with(const Variables& base, Variables changes) {
  changes.insert(base.begin(), base.end());
  return changes;
}

void expect_ranks(const RankEnv& env, const std::array<int, 4>& expected) {
  EXPECT_TRUE(env.launched);
  EXPECT_EQ((std::array{env.rank, env.size, env.local_rank, env.local_size}), expected);
}

std::string error_text(const Variables& variables) {
  try {
    read(variables);
  } catch (const pipeline::Error& error) {
    EXPECT_EQ(error.code(), pipeline::Errc::kInvalidArgument);
    return error.what();
  }
  return "nothing was thrown";
}

const Variables kOpenMpi{{"OMPI_COMM_WORLD_RANK", "5"},
                         {"OMPI_COMM_WORLD_SIZE", "6"},
                         {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                         {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}};

const Variables kBatchScript{{"SLURM_PROCID", "0"},
                             {"SLURM_NTASKS", "8"},
                             {"SLURM_STEP_NUM_TASKS", "8"},
                             {"SLURM_LOCALID", "0"}};

const Variables kSrun{{"PMIX_RANK", "6"},
                      {"SLURM_PROCID", "6"},
                      {"SLURM_STEP_NUM_TASKS", "9"},
                      {"SLURM_STEP_TASKS_PER_NODE", "2(x3),3"},
                      {"SLURM_NODEID", "3"},
                      {"SLURM_LOCALID", "0"}};

TEST(RankEnv, IsOneRankWithoutALauncher) {
  const RankEnv env = read({});
  EXPECT_FALSE(env.launched);
  EXPECT_EQ(env.rank, 0);
  EXPECT_EQ(env.size, 1);
  EXPECT_EQ(env.local_size, 1);
}

TEST(RankEnv, ReadsOpenMpi) { expect_ranks(read(kOpenMpi), {5, 6, 1, 2}); }

TEST(RankEnv, PrefersOpenMpiInsideASlurmStep) {
  expect_ranks(read(with(kSrun, kOpenMpi)), {5, 6, 1, 2});
}

TEST(RankEnv, ReadsSlurmWithTheTasksOfItsNode) {
  expect_ranks(read(kSrun), {6, 9, 0, 3});
  const Variables changes{{"SLURM_NODEID", "2"}, {"SLURM_LOCALID", "1"}, {"SLURM_PROCID", "5"}};
  expect_ranks(read(with(kSrun, changes)), {5, 9, 1, 2});
}

TEST(RankEnv, TakesAPlainBatchScriptForOneRank) { EXPECT_FALSE(read(kBatchScript).launched); }

TEST(RankEnv, ReadsOtherLaunchersThatSpeakPmi) {
  expect_ranks(read({{"PMI_RANK", "1"},
                     {"PMI_SIZE", "4"},
                     {"MPI_LOCALRANKID", "1"},
                     {"MPI_LOCALNRANKS", "2"}}),
               {1, 4, 1, 2});
}

TEST(RankEnv, RefusesWhatIsNoNumberNamingTheVariable) {
  EXPECT_THAT(error_text(with(kOpenMpi, {{"OMPI_COMM_WORLD_SIZE", "6x"}})),
              HasSubstr("OMPI_COMM_WORLD_SIZE is '6x'"));
}

TEST(RankEnv, RefusesARankOutsideItsWorld) {
  EXPECT_THAT(error_text(with(kOpenMpi, {{"OMPI_COMM_WORLD_RANK", "6"}})),
              HasSubstr("OMPI_COMM_WORLD_RANK is '6'"));
}

TEST(RankEnv, RefusesAHalfSetEnvironment) {
  Variables broken = kOpenMpi;
  broken.erase("OMPI_COMM_WORLD_LOCAL_SIZE");
  EXPECT_THAT(error_text(broken), HasSubstr("OMPI_COMM_WORLD_LOCAL_SIZE is not set"));
}

TEST(RankEnv, RefusesATaskListThatEndsBeforeTheNode) {
  EXPECT_THAT(error_text(with(kSrun, {{"SLURM_NODEID", "4"}})),
              HasSubstr("SLURM_STEP_TASKS_PER_NODE is '2(x3),3'"));
}

}  // namespace
}  // namespace larkspur::distributed
