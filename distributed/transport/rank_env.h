// SPDX-License-Identifier: Apache-2.0
// Which rank of how many this process was started as, told by the launcher's environment variables.
//
// Needed before MPI starts: to choose between MPI and a group of one, and a device by local rank.
#pragma once

#include <functional>

namespace larkspur::distributed {

/// 0 <= rank < size, 0 <= local_rank < local_size; local means on this host.
struct RankEnv {
  int rank = 0;
  int size = 1;
  int local_rank = 0;
  int local_size = 1;
  bool launched = false;  ///< a launcher that speaks MPI started this process
};

/// Looks a variable up: its value, or null.
using GetEnv = std::function<const char*(const char*)>;

/// The first launcher that left its variables: OpenMPI (OMPI_COMM_WORLD_*), Slurm's srun where it
/// started the process for MPI (PMI_RANK or PMIX_RANK beside SLURM_STEP_*: a plain batch script is
/// no rank), then others that speak PMI (PMI_RANK, PMI_SIZE, MPI_LOCAL*). None: one rank.
/// Throws kInvalidArgument naming the variable when one is missing, no number, or out of range.
RankEnv read_rank_env(const GetEnv& get_env);

/// The same from this process's environment.
RankEnv read_rank_env();

}  // namespace larkspur::distributed
