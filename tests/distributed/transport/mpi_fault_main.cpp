// SPDX-License-Identifier: Apache-2.0
// Two ranks under mpirun, of which rank 1 fails rank 0 in the way that the first argument names;
// the second is the deadline in seconds. A rank prints one line that says how its part came out and
// whether it was rid of the group soon.
#include <chrono>
#include <cstddef>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include "distributed/transport/mpi_group.h"
#include "pipeline/error.h"

namespace {

using larkspur::distributed::make_mpi_group;
using larkspur::distributed::ProcessGroup;
using larkspur::pipeline::Errc;
using larkspur::pipeline::Error;

/// What rank 1 does instead of its part in a broadcast of a mebibyte.
void fail(const std::string& how, ProcessGroup& group) {
  std::vector<std::byte> half(1 << 19);
  if (how == "throws") throw Error(Errc::kDevice, "rank 1 broke");
  if (how == "exits") _exit(0);
  if (how == "sends-less") group.broadcast(half, 1).wait();
  if (how == "does-another-thing") group.barrier().wait();
  std::this_thread::sleep_for(std::chrono::seconds(60));  // until mpirun ends it
}

/// Ends with the group gone, by an exception as errors do.
void play(std::unique_ptr<ProcessGroup> group, const std::string& how) {
  std::vector<std::byte> data(1 << 20);
  if (group->rank() == 1) fail(how, *group);
  group->broadcast(data, 1).wait();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const double deadline_seconds = std::stod(argv[2]);
  auto group = make_mpi_group({"mpi", deadline_seconds});
  group->barrier().wait();
  const int rank = group->rank();
  const auto start = std::chrono::steady_clock::now();
  try {
    play(std::move(group), argv[1]);
  } catch (const Error& error) {
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    const double soon = rank == 1 ? deadline_seconds / 2 : deadline_seconds + 3.0;
    std::cout << (taken.count() < soon ? "soon, " : "not soon, ") << name_of(error.code()) << ": "
              << error.what() << std::endl;
    return 5;
  }
  return 0;
}
