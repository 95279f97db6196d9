// SPDX-License-Identifier: Apache-2.0
// Which ranks share a host, and who stands for whom on another one: pure arithmetic.
//
//   host A: ranks 0 1 2      what rank 4 owns passes host A through its counterpart there, rank 1,
//   host B: ranks 3 4        in the same place; rank 2's on host B is in place 2 modulo 2: rank 3
//
// So what travels between two hosts travels once, whatever the number of ranks on them.
#pragma once

#include <vector>

namespace larkspur::distributed {

/// Ranks [first, first + count).
struct HostRanks {
  int first = 0;
  int count = 1;

  bool operator==(const HostRanks&) const = default;
};

/// Immutable; safe from any thread.
class HostMap {
 public:
  /// All on one host; ranks >= 1.
  explicit HostMap(int ranks) : HostMap(std::vector<int>(static_cast<std::size_t>(ranks), 0)) {}

  /// hosts[rank]: any numbers, equal where ranks share a host; not empty. Where hosts gain nothing
  /// (a rank each) or would change the order of sums (ranks of one that do not follow each other),
  /// all ranks count as one host's.
  explicit HostMap(const std::vector<int>& hosts);

  int ranks() const { return static_cast<int>(host_of_.size()); }

  /// In rank order; they tile the ranks.
  const std::vector<HostRanks>& hosts() const { return hosts_; }

  /// An index of hosts().
  int host_of(int rank) const { return host_of_[static_cast<std::size_t>(rank)]; }

  /// The rank on that host which stands for `rank`: itself if it is there.
  int counterpart(int rank, int host) const;

  /// Whom `rank` stands for on its own host, in rank order: itself, and those of other hosts whose
  /// counterpart it is.
  std::vector<int> represented(int rank) const;

 private:
  std::vector<HostRanks> hosts_;
  std::vector<int> host_of_;  ///< [ranks]
};

}  // namespace larkspur::distributed
