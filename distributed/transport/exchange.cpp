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

bool Exchange::has_message(int from, int to) const {
  if (from == to || (operation == Operation::kBroadcast && from != root)) return false;
  if (hosts == nullptr || route == Route::kPairs || route == Route::kRelayed) return true;
  const int host = hosts->host_of(from);
  const bool inside = hosts->host_of(to) == host;
  return route == Route::kInside ? inside : !inside && hosts->counterpart(to, host) == from;
}

int Exchange::giver(int from, int to) const {
  if (!is_relayed()) return from;
  const int relay = hosts->counterpart(from, hosts->host_of(to));  // `from` itself on its own host
  return relay == to ? from : relay;
}

std::vector<Message> Exchange::received(int me) const {
  const int ranks = static_cast<int>(receives.size());
  std::vector<Message> messages;
  for (int step = 1; step < ranks; ++step) {
    const int from = (me - step + ranks) % ranks;
    if (has_message(from, me) && giver(from, me) == from) messages.push_back({from, from});
  }
  for (int from = 0; from < ranks; ++from) {
    if (has_message(from, me) && giver(from, me) != from) {
      messages.push_back({giver(from, me), from});
    }
  }
  return messages;
}

std::vector<Message> Exchange::sent(int me) const {
  const int ranks = static_cast<int>(sends.size());
  std::vector<Message> messages;
  for (int step = 1; step < ranks; ++step) {
    const int to = (me + step) % ranks;
    if (has_message(me, to) && giver(me, to) == me) messages.push_back({to, to});
  }
  return messages;
}

std::vector<Message> Exchange::passed_on(int me) const {
  std::vector<Message> messages;
  if (!is_relayed()) return messages;
  const HostRanks& inside = hosts->hosts()[static_cast<std::size_t>(hosts->host_of(me))];
  for (const int from : hosts->represented(me)) {
    for (int to = inside.first; from != me && to < inside.first + inside.count; ++to) {
      if (to != me) messages.push_back({to, from});
    }
  }
  return messages;
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
