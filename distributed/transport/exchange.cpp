// SPDX-License-Identifier: Apache-2.0
#include "distributed/transport/exchange.h"

#include <algorithm>
#include <string>

#include "pipeline/require.h"

namespace larkspur::distributed {

using pipeline::Errc;
using pipeline::Error;
using pipeline::text_of;

std::string list_of(const std::vector<int>& ranks) {
  std::string text = ranks.empty() ? "peers unknown" : "rank ";
  for (std::size_t index = 0; index < ranks.size(); ++index) {
    text += (index == 0 ? "" : ", ") + std::to_string(ranks[index]);
  }
  return text;
}

std::string_view name_of(Operation operation) noexcept {
  switch (operation) {
    case Operation::kAllToAll:
      return "all_to_all";
    case Operation::kAllGather:
      return "all_gather";
    case Operation::kBroadcast:
      return "broadcast";
    case Operation::kBarrier:
      return "barrier";
  }
  return "unknown operation";
}

std::vector<BlockPart> parts_of(std::size_t bytes, std::size_t most) {
  std::vector<BlockPart> parts;
  for (std::size_t offset = 0; offset < bytes; offset += most) {
    parts.push_back({offset, std::min(bytes - offset, most)});
  }
  if (parts.empty()) parts.push_back({});
  return parts;
}

Error late_error(Operation operation,
                 int rank,
                 double deadline_seconds,
                 const std::vector<int>& missing) {
  return {Errc::kCollective,
          text_of("[",
                  name_of(operation),
                  "] rank ",
                  rank,
                  " waited ",
                  deadline_seconds,
                  " s, the deadline, for ",
                  list_of(missing))};
}

Error lost_error(Operation operation,
                 int rank,
                 double deadline_seconds,
                 const std::vector<int>& lost) {
  return {Errc::kCollective,
          text_of("[",
                  name_of(operation),
                  "] rank ",
                  rank,
                  " waited for ",
                  list_of(lost),
                  ", which has left (deadline ",
                  deadline_seconds,
                  " s)")};
}

Error broken_error(Operation operation, int rank, const Error& first) {
  return {first.code(),
          text_of("[", name_of(operation), "] rank ", rank, " cannot go on: ", first.what())};
}

}  // namespace larkspur::distributed
