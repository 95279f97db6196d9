// SPDX-License-Identifier: Apache-2.0
// How mpirun is called, and what its exit code says. Pure functions, but for the look along PATH.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "launch/supervise/supervisor.h"

namespace larkspur::launch {

struct MpirunCall {
  std::string mpirun;    ///< path of the program
  int ranks = 1;         ///< >= 1
  std::string hostfile;  ///< empty: this host
  int threads = 1;       ///< compute threads a rank, >= 1
  bool as_root = false;  ///< allow ranks that run as root
  std::vector<std::string>
      passed_on;                   ///< names of variables that every host is to have as this one
  std::string program;             ///< what each rank runs
  std::vector<std::string> words;  ///< its arguments
};

/// The words that start the job, mpirun first.
///
/// Keep-alive messages between the hosts' daemons end a job in seconds when a link is cut; by
/// itself mpirun would wait for ever. More ranks than cores are allowed. Ranks are not bound to
/// cores: bound, the threads of one share a core, and two jobs on a host the same cores.
std::vector<std::string> mpirun_words(const MpirunCall& call);

/// Names of the variables in `environment` (NAME=value, null behind the last) that a GPU's
/// libraries read: NCCL_*, CUDA_*, CUBLAS_*, CUDNN_*. mpirun itself passes them to no other host.
/// NCCL_HOSTID is left out: no two hosts may have the same.
std::vector<std::string> gpu_variables(const char* const* environment);

/// The first executable file of that name in the folders of `path` (separated by colons); empty
/// where there is none.
std::string find_program(std::string_view name, std::string_view path);

/// Whether a job's code is one that `larkspur` itself leaves with: 0 2 3 4 5 70 75.
bool is_own_code(int code);

/// Whether starting again may help: a device or peer failed, a rank or mpirun died of a signal, or
/// mpirun ended with a code of its own.
bool is_fault(int code);

/// How a job that was not asked for ended, for people: "the job died of signal 9". `lost_host`:
/// that mpirun lost the connection to; empty: none.
std::string story_of(const JobEnd& end, const std::string& lost_host);

}  // namespace larkspur::launch
