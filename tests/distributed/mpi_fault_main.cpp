// SPDX-License-Identifier: Apache-2.0
// Two ranks under mpirun, of which rank 1 fails rank 0 in the way that the argument names. Rank 0
// prints one line that says how its broadcast came out and how long it took to be rid of the group.
#include <chrono>
#include <cstddef>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include "distributed/mpi_group.h"
#include "pipeline/error.h"

namespace {

using larkspur::distributed::make_mpi_group;
using larkspur::distributed::ProcessGroup;

constexpr double kDeadlineSeconds = 0.5;
constexpr double kSoonSeconds = 4.0;  // the deadline, a second to let go, and a slow machine

/// What rank 1 does instead of its part in a broadcast of a mebibyte.
void fail(const std::string& how, ProcessGroup& group) {
  std::vector<std::byte> half(1 << 19);
  if (how == "sleeps") std::this_thread::sleep_for(std::chrono::seconds(60));
  if (how == "exits") _exit(0);
  if (how == "sends-less") group.broadcast(half, 1).wait();
  if (how == "does-another-thing") group.barrier().wait();
}

std::string outcome_of_broadcast(ProcessGroup& group) {
  std::vector<std::byte> data(1 << 20);
  try {
    group.broadcast(data, 1).wait();
  } catch (const larkspur::pipeline::Error& error) {
    return std::string(name_of(error.code())) + ": " + error.what();
  }
  return "nothing was thrown";
}

}  // namespace

int main(int argc, char** argv) {
  auto group = make_mpi_group({"mpi", kDeadlineSeconds});
  group->barrier().wait();
  if (group->rank() == 1) {
    fail(argc > 1 ? argv[1] : "", *group);
    std::this_thread::sleep_for(std::chrono::seconds(60));  // mpirun ends this once rank 0 is gone
    return 0;
  }
  const auto start = std::chrono::steady_clock::now();
  const std::string outcome = outcome_of_broadcast(*group);
  group.reset();
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  std::cout << (taken.count() < kSoonSeconds ? "soon, " : "late, ") << outcome << std::endl;
  return 5;
}
