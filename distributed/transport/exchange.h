// SPDX-License-Identifier: Apache-2.0
// What transports see of an operation: one block to and one block from each peer, and its name.
//
// All four operations are exchanges between pairs of ranks, so a transport moves messages and knows
// nothing of collectives. For each pair named by has_message() a block goes, empty or not:
// straight, or where it is relayed through the rank that giver() names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "distributed/transport/process_group.h"
#include "pipeline/error.h"

namespace larkspur::distributed {

enum class Operation : std::uint8_t { kAllToAll, kAllGather, kBroadcast, kBarrier };

/// The name of the function that was called: "all_to_all", ...
std::string_view name_of(Operation operation) noexcept;

/// One block on its way to or from a peer.
struct Message {
  int peer = 0;
  int block = 0;  ///< index of sends or receives

  bool operator==(const Message&) const = default;
};

/// A value; the blocks are borrowed from the caller until the operation is done.
struct Exchange {
  Operation operation = Operation::kBarrier;
  int root = 0;                   ///< who sends in a broadcast
  std::vector<ConstBlock> sends;  ///< [ranks]; sends[me] is of no interest
  std::vector<Block> receives;    ///< [ranks]; likewise
  std::string what{};             ///< it is about, for people: "bucket 3"
  Route route = Route::kPairs;
  std::shared_ptr<const HostMap> hosts{};  ///< null: one host

  /// Whether a block goes from one to the other, by way of whomever.
  bool has_message(int from, int to) const;

  /// Whether ranks pass on what comes from another host.
  bool is_relayed() const {
    return route == Route::kRelayed && hosts != nullptr && hosts->hosts().size() > 1;
  }

  /// Who hands the block of `from` to `to`, where has_message(): `from` itself, or to's host's
  /// counterpart of it, where it is relayed.
  int giver(int from, int to) const;

  /// What `me` receives: straight from where it comes, then relayed ones. Between any two ranks
  /// messages are sent and received in the same order, so they need no other mark.
  std::vector<Message> received(int me) const;

  /// What `me` sends of its own; each rank begins with its right-hand neighbour, so that not all
  /// send to rank 0 first.
  std::vector<Message> sent(int me) const;

  /// What `me` passes on once it has arrived: receives[block] to peer.
  std::vector<Message> passed_on(int me) const;
};

/// A piece of a block, for transports that bound a message.
struct BlockPart {
  std::size_t offset = 0;  ///< bytes
  std::size_t bytes = 0;

  bool operator==(const BlockPart&) const = default;
};

/// The parts that tile a block of `bytes`, each of at most `most` > 0 bytes; an empty block is one
/// empty part, so that it is still a message.
std::vector<BlockPart> parts_of(std::size_t bytes, std::size_t most);

/// "rank 1, 3"; "peers unknown" of none.
std::string list_of(const std::vector<int>& ranks);

/// kCollective: "[all_gather] rank 0 waited 60 s, the deadline, for rank 1, 3".
/// `missing`: the peers; empty when the transport cannot tell.
pipeline::Error late_error(Operation operation,
                           int rank,
                           double deadline_seconds,
                           const std::vector<int>& missing);

/// kCollective: "[all_gather] rank 0 waited for rank 1, which has left (deadline 60 s)".
pipeline::Error lost_error(Operation operation,
                           int rank,
                           double deadline_seconds,
                           const std::vector<int>& lost);

/// The code of `first`: "[all_gather] rank 0 cannot go on: <text of first>".
pipeline::Error broken_error(Operation operation, int rank, const pipeline::Error& first);

}  // namespace larkspur::distributed
