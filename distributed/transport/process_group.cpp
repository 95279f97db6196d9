// SPDX-License-Identifier: Apache-2.0
#include "distributed/transport/process_group.h"

#include <cstring>
#include <utility>

#include "distributed/transport/exchange.h"
#include "distributed/transport/peer_memory.h"
#include "pipeline/require.h"

namespace larkspur::distributed {

using pipeline::Errc;
using pipeline::require;

void GroupOptions::check() const {
  require(deadline_seconds > 0.0,
          Errc::kInvalidArgument,
          "[group] deadline_seconds is ",
          deadline_seconds,
          ", not > 0");
}

Pending& Pending::operator=(Pending&& other) noexcept {
  if (this != &other) {
    if (work_) work_->abandon();
    work_ = std::move(other.work_);
  }
  return *this;
}

Pending::~Pending() {
  if (work_) work_->abandon();
}

void Pending::wait() {
  if (const auto work = std::move(work_)) work->wait();
}

Pending ProcessGroup::all_to_all(std::span<const ConstBlock> sends,
                                 std::span<const Block> receives,
                                 std::string_view what,
                                 Route route) {
  return start_checked({Operation::kAllToAll,
                        0,
                        {sends.begin(), sends.end()},
                        {receives.begin(), receives.end()},
                        std::string(what),
                        route,
                        hosts_});
}

Pending ProcessGroup::all_gather(ConstBlock mine,
                                 std::span<const Block> receives,
                                 std::string_view what,
                                 Route route) {
  return start_checked({Operation::kAllGather,
                        0,
                        std::vector<ConstBlock>(static_cast<std::size_t>(size_), mine),
                        {receives.begin(), receives.end()},
                        std::string(what),
                        route,
                        hosts_});
}

Pending ProcessGroup::broadcast(Block data, int root) {
  require(root >= 0 && root < size_,
          Errc::kInvalidArgument,
          "[broadcast] root is ",
          root,
          ", the group has ",
          size_,
          " ranks");
  const auto ranks = static_cast<std::size_t>(size_);
  return start_checked({Operation::kBroadcast,
                        root,
                        std::vector<ConstBlock>(ranks, data),
                        std::vector<Block>(ranks, data)});
}

Pending ProcessGroup::barrier() {
  const auto ranks = static_cast<std::size_t>(size_);
  return start_checked(
      {Operation::kBarrier, 0, std::vector<ConstBlock>(ranks), std::vector<Block>(ranks)});
}

void ProcessGroup::read(int peer, std::uint64_t address, Block to) const {
  require(reads(peer), Errc::kInvalidArgument, "[read] rank ", rank_, " does not read rank ", peer);
  try {
    read_memory(process_of(peer), address, to);
  } catch (const pipeline::Error& error) {
    throw error.within(pipeline::text_of("[read] rank ", rank_, " of rank ", peer));
  }
}

void ProcessGroup::copy_own(Block to, ConstBlock from) {
  std::memcpy(to.data(), from.data(), from.size());
}

Pending ProcessGroup::start_checked(Exchange exchange) {
  const auto ranks = static_cast<std::size_t>(size_);
  const auto me = static_cast<std::size_t>(rank_);
  const std::string_view name = name_of(exchange.operation);
  const bool may_relay = exchange.operation == Operation::kAllGather;
  require(exchange.route == Route::kPairs || may_relay == (exchange.route == Route::kRelayed),
          Errc::kInvalidArgument,
          "[",
          name,
          "] does not go that route");
  require(exchange.sends.size() == ranks && exchange.receives.size() == ranks,
          Errc::kInvalidArgument,
          "[",
          name,
          "] ",
          exchange.sends.size(),
          " blocks to send and ",
          exchange.receives.size(),
          " to receive, the group has ",
          ranks,
          " ranks");
  const ConstBlock from = exchange.sends[me];
  const Block to = exchange.receives[me];
  require(from.size() == to.size(),
          Errc::kInvalidArgument,
          "[",
          name,
          "] rank ",
          rank_,
          " sends itself ",
          from.size(),
          " bytes and receives ",
          to.size());
  // In place, as gathered parameters are, there is nothing to copy.
  if (from.data() != to.data() && !from.empty()) copy_own(to, from);
  return start(std::move(exchange));
}

}  // namespace larkspur::distributed
