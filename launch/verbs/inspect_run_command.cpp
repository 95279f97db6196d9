// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "launch/verbs/command_line.h"
#include "launch/verbs/commands.h"
#include "pipeline/operation_ring.h"

namespace larkspur::launch {
namespace {

namespace fs = std::filesystem;
using pipeline::Operation;
using pipeline::OperationRecord;

/// The last thing a rank noted: what all times are told from.
double last_word(const OperationRecord& rank) {
  double last = rank.phase_since;
  for (const Operation& operation : rank.operations) {
    last = std::max({last, operation.began, operation.ended});
  }
  return last;
}

std::string clock_time(double seconds) {
  const auto whole = static_cast<std::time_t>(seconds);
  std::tm parts{};
  ::localtime_r(&whole, &parts);
  char text[40];
  const std::size_t size = std::strftime(text, sizeof(text), "%H:%M:%S", &parts);
  std::snprintf(text + size,
                sizeof(text) - size,
                ".%03d",
                static_cast<int>((seconds - static_cast<double>(whole)) * 1e3));
  return text;
}

void print_rank(std::ostream& out, const OperationRecord& rank, std::int64_t count) {
  out << "rank " << rank.rank << " of " << rank.ranks << ", process " << rank.process << " on host "
      << rank.host << ": step " << rank.step << ", phase " << rank.phase << " since "
      << clock_time(rank.phase_since) << ", last word " << clock_time(last_word(rank)) << "\n";
  const auto size = static_cast<std::int64_t>(rank.operations.size());
  for (std::int64_t i = std::max<std::int64_t>(0, size - count); i < size; ++i) {
    const Operation& operation = rank.operations[static_cast<std::size_t>(i)];
    out << "  " << clock_time(operation.began) << "  step " << operation.step << "  "
        << operation.what;
    if (operation.ended > 0.0) {
      out << ", " << static_cast<std::int64_t>((operation.ended - operation.began) * 1e6)
          << " us\n";
    } else {
      out << ", not ended"
          << (operation.waits_for.empty() ? "" : ": waits for " + operation.waits_for) << "\n";
    }
  }
}

/// Who waited for whom, a line a rank: the oldest of what had not ended.
void print_waits(std::ostream& out, const OperationRecord& rank) {
  for (const Operation& operation : rank.operations) {
    if (operation.ended > 0.0 || operation.waits_for.empty()) continue;
    out << "rank " << rank.rank << " waited for " << operation.waits_for << " in " << operation.what
        << " of step " << operation.step << "\n";
    return;
  }
}

}  // namespace

void run_inspect_run(Invocation& call) {
  std::string folder;
  std::int64_t count = 8;
  bool previous = false;
  CommandLine line(call,
                   "Prints what every rank of a training did last, also after it was killed: step, "
                   "phase, messages between ranks, who waited for whom.",
                   "runs/demo_cloud");
  line.argument("RUN", "the run's output folder", folder);
  line.option("--last", "messages of each rank, up to 64", count);
  line.flag("--previous", "of the start before the last one", previous);
  if (!line.parse()) return;
  std::vector<OperationRecord> ranks;
  do {
    const fs::path run = folder;
    const fs::path inside =
        previous ? pipeline::previous_operations_folder(run) : pipeline::operations_folder(run);
    const auto rank = static_cast<int>(ranks.size());
    ranks.push_back(pipeline::OperationRing::read(pipeline::operations_file(inside, rank)));
  } while (std::ssize(ranks) < ranks.front().ranks);
  for (const OperationRecord& rank : ranks) print_rank(call.out, rank, count);
  for (const OperationRecord& rank : ranks) print_waits(call.out, rank);
}

}  // namespace larkspur::launch
