// SPDX-License-Identifier: Apache-2.0
// The NCCL group as a run has it, bootstrapped over MPI: for tests on GPUs and on fakes of them.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "distributed/transport/process_group.h"

namespace larkspur::testing {

/// MPI once in the life of the process.
inline distributed::ProcessGroup& mpi_world() {
  static const std::unique_ptr<distributed::ProcessGroup> group =
      distributed::make_process_group({"mpi", 60.0});
  return *group;
}

inline std::unique_ptr<distributed::ProcessGroup> nccl_over_mpi(
    double deadline_seconds, std::function<void(const pipeline::Error&)> on_failure = {}) {
  distributed::GroupOptions options{"nccl", deadline_seconds};
  options.bootstrap = &mpi_world();
  options.on_failure = std::move(on_failure);
  return distributed::make_process_group(options);
}

}  // namespace larkspur::testing
