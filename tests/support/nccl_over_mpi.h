// SPDX-License-Identifier: Apache-2.0
// The NCCL group as a run has it, bootstrapped over MPI: for tests on GPUs and on fakes of them.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "distributed/transport/group_registry.h"
#include "distributed/transport/process_group.h"
#include "tests/support/hosts_of_test.h"

namespace larkspur::testing {

/// MPI once in the life of the process.
inline distributed::ProcessGroup& mpi_world() {
  static const std::unique_ptr<distributed::ProcessGroup> group = distributed::make_process_group(
      {.transport = "mpi", .deadline_seconds = 60.0, .hosts = hosts_of_test()});
  return *group;
}

inline std::unique_ptr<distributed::ProcessGroup> nccl_over_mpi(
    double deadline_seconds, std::function<void(const pipeline::Error&)> on_failure = {}) {
  distributed::GroupOptions options{"nccl", deadline_seconds};
  options.bootstrap = &mpi_world();
  options.on_failure = std::move(on_failure);
  return distributed::make_process_group(options);
}

/// What the watchdog tells of a group whose host waits for nothing.
class NcclFailure {
 public:
  std::unique_ptr<distributed::ProcessGroup> group(double deadline_seconds) {
    return nccl_over_mpi(deadline_seconds,
                         [this](const pipeline::Error& error) { told_.set_value(error); });
  }

  /// Its text, told within `seconds`.
  std::string text_within(double seconds) {
    auto future = told_.get_future();
    if (future.wait_for(std::chrono::duration<double>(seconds)) != std::future_status::ready) {
      return "nothing was told";
    }
    const pipeline::Error error = future.get();
    EXPECT_EQ(error.code(), pipeline::Errc::kCollective);
    return error.what();
  }

 private:
  std::promise<pipeline::Error> told_;
};

}  // namespace larkspur::testing
