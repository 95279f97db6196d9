// SPDX-License-Identifier: Apache-2.0
// Runs a lambda as every rank of a group, each in a thread of its own.
#pragma once

#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "distributed/transport/process_group.h"
#include "distributed/transport/thread_group.h"

namespace larkspur::testing {

/// Calls work(group) as ranks 0 ... ranks - 1 at the same time and returns when all have returned.
/// A rank that throws leaves its group at once, so that the others do not wait for it; the first
/// error in time is rethrown at the end. `deadline_seconds` is that of every operation; with
/// `reads_memory` ranks of one host read each other's sums instead of sending them; `hosts`: as
/// GroupOptions says.
template <typename Work>
void run_ranks(int ranks,
               const Work& work,
               double deadline_seconds = 30.0,
               bool reads_memory = false,
               const std::vector<int>& hosts = {}) {
  auto groups = distributed::make_thread_groups(ranks,
                                                {.transport = "thread",
                                                 .deadline_seconds = deadline_seconds,
                                                 .reads_memory = reads_memory,
                                                 .hosts = hosts});
  std::mutex mutex;
  std::exception_ptr first_error;
  std::vector<std::thread> threads;
  for (auto& group : groups) {
    threads.emplace_back([&work, &mutex, &first_error, mine = std::move(group)] {
      try {
        work(*mine);
      } catch (const std::exception&) {
        const std::lock_guard lock(mutex);
        if (!first_error) first_error = std::current_exception();
        mine->abandon();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (first_error) std::rethrow_exception(first_error);
}

}  // namespace larkspur::testing
