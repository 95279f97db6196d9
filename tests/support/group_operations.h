// SPDX-License-Identifier: Apache-2.0
// One rank's part in checks of all operations with uneven sizes, for any transport. Every byte says
// who sent it to whom, so that a block in the wrong place is seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "distributed/transport/process_group.h"

namespace larkspur::testing {

using Bytes = std::vector<std::byte>;

/// What rank `from` sends to rank `to`: `count` bytes that differ by pair and place.
inline Bytes message(int from, int to, std::size_t count) {
  Bytes bytes(count);
  for (std::size_t place = 0; place < count; ++place) {
    bytes[place] =
        static_cast<std::byte>((from * 7919 + to * 104729 + static_cast<int>(place)) % 251);
  }
  return bytes;
}

inline std::vector<distributed::Block> blocks_of(std::vector<Bytes>& storage) {
  return {storage.begin(), storage.end()};
}

/// Pairs exchange from 0 to some thousands of bytes; `scale` widens that.
inline void check_all_to_all(distributed::ProcessGroup& group, std::size_t scale) {
  const auto count = [scale](int from, int to) {
    return static_cast<std::size_t>((from * 3 + to * 5) % 4) * scale;
  };
  std::vector<Bytes> sent;
  std::vector<Bytes> received;
  for (int peer = 0; peer < group.size(); ++peer) {
    sent.push_back(message(group.rank(), peer, count(group.rank(), peer)));
    received.emplace_back(count(peer, group.rank()));
  }
  const std::vector<distributed::ConstBlock> sends(sent.begin(), sent.end());
  group.all_to_all(sends, blocks_of(received)).wait();
  for (int peer = 0; peer < group.size(); ++peer) {
    EXPECT_EQ(received[static_cast<std::size_t>(peer)],
              message(peer, group.rank(), count(peer, group.rank())))
        << "from rank " << peer << " to " << group.rank() << " at scale " << scale;
  }
}

/// Every second rank contributes nothing.
inline void check_all_gather(distributed::ProcessGroup& group, std::size_t scale) {
  const auto count = [scale](int from) { return static_cast<std::size_t>(from % 2) * scale; };
  const Bytes mine = message(group.rank(), 0, count(group.rank()));
  std::vector<Bytes> received;
  for (int peer = 0; peer < group.size(); ++peer) received.emplace_back(count(peer));
  group.all_gather(mine, blocks_of(received)).wait();
  for (int peer = 0; peer < group.size(); ++peer) {
    EXPECT_EQ(received[static_cast<std::size_t>(peer)], message(peer, 0, count(peer)))
        << "from rank " << peer << " at rank " << group.rank();
  }
}

/// The ranks' shares of one buffer become known to all, each written by its owner in place.
inline void check_all_gather_in_place(distributed::ProcessGroup& group) {
  const auto ranks = static_cast<std::size_t>(group.size());
  const auto me = static_cast<std::size_t>(group.rank());
  std::vector<std::uint32_t> whole(ranks * 5, 99);
  std::vector<distributed::Block> shares;
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    shares.push_back(std::as_writable_bytes(std::span(whole).subspan(rank * 5, 5)));
  }
  for (std::size_t place = 0; place < 5; ++place) {
    whole[me * 5 + place] = static_cast<std::uint32_t>(me * 100 + place);
  }
  group.all_gather(shares[me], shares).wait();
  for (std::size_t place = 0; place < whole.size(); ++place) {
    EXPECT_EQ(whole[place], place / 5 * 100 + place % 5) << "at rank " << me;
  }
}

/// Blocks go the way that the group's hosts make them go, or straight; what is left out stays.
inline void check_routes(distributed::ProcessGroup& group, std::size_t scale) {
  const distributed::HostMap& hosts = group.hosts();
  const int me = group.rank();
  const auto inside = [&](int peer) { return hosts.host_of(peer) == hosts.host_of(me); };
  const auto count = [scale](int from) { return static_cast<std::size_t>(from % 3) * scale; };
  for (const auto route : {distributed::Route::kInside, distributed::Route::kAcross}) {
    const bool is_inside = route == distributed::Route::kInside;
    std::vector<Bytes> sent;
    std::vector<Bytes> received;
    std::vector<Bytes> expected;
    for (int peer = 0; peer < group.size(); ++peer) {
      const bool comes =
          peer != me &&
          (is_inside ? inside(peer)
                     : !inside(peer) && hosts.counterpart(me, hosts.host_of(peer)) == peer);
      sent.push_back(message(me, peer, count(me)));
      received.emplace_back(count(peer), std::byte{7});
      expected.push_back(comes || peer == me ? message(peer, me, count(peer)) : received.back());
    }
    const std::vector<distributed::ConstBlock> sends(sent.begin(), sent.end());
    group.all_to_all(sends, blocks_of(received), "routes", route).wait();
    EXPECT_EQ(received, expected) << "at rank " << me;
  }
  const Bytes mine = message(me, 0, count(me));
  std::vector<Bytes> received;
  for (int peer = 0; peer < group.size(); ++peer) received.emplace_back(count(peer));
  group.all_gather(mine, blocks_of(received), "routes", distributed::Route::kRelayed).wait();
  for (int peer = 0; peer < group.size(); ++peer) {
    EXPECT_EQ(received[static_cast<std::size_t>(peer)], message(peer, 0, count(peer)))
        << "from rank " << peer << " at rank " << me;
  }
}

/// Each rank is root once.
inline void check_broadcast(distributed::ProcessGroup& group) {
  for (int root = 0; root < group.size(); ++root) {
    const Bytes expected = message(root, root, 1000);
    Bytes data = group.rank() == root ? expected : Bytes(1000);
    group.broadcast(data, root).wait();
    EXPECT_EQ(data, expected) << "from root " << root << " at rank " << group.rank();
  }
}

/// Several operations under way at once, waited for in another order than issued.
inline void check_many_under_way(distributed::ProcessGroup& group,
                                 distributed::Route route = distributed::Route::kPairs) {
  constexpr std::size_t kOperations = 20;
  const auto ranks = static_cast<std::size_t>(group.size());
  std::vector<std::vector<Bytes>> received(kOperations, std::vector<Bytes>(ranks, Bytes(64)));
  std::vector<Bytes> mine;
  for (std::size_t index = 0; index < kOperations; ++index) {
    mine.push_back(message(group.rank(), static_cast<int>(index), 64));
  }
  std::vector<distributed::Pending> pending;
  for (std::size_t index = 0; index < kOperations; ++index) {
    pending.push_back(group.all_gather(mine[index], blocks_of(received[index]), "many", route));
  }
  for (auto each = pending.rbegin(); each != pending.rend(); ++each) each->wait();
  for (std::size_t index = 0; index < kOperations; ++index) {
    for (std::size_t peer = 0; peer < ranks; ++peer) {
      EXPECT_EQ(received[index][peer],
                message(static_cast<int>(peer), static_cast<int>(index), 64));
    }
  }
}

}  // namespace larkspur::testing
