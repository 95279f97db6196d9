// SPDX-License-Identifier: Apache-2.0
#include "distributed/transport/host_map.h"

#include <algorithm>

namespace larkspur::distributed {
namespace {

/// Runs of equal numbers.
std::vector<HostRanks> runs_of(const std::vector<int>& hosts) {
  std::vector<HostRanks> runs;
  for (std::size_t rank = 0; rank < hosts.size(); ++rank) {
    if (rank == 0 || hosts[rank] != hosts[rank - 1]) {
      runs.push_back({static_cast<int>(rank), 1});
    } else {
      ++runs.back().count;
    }
  }
  return runs;
}

bool gain(const std::vector<HostRanks>& runs, std::vector<int> hosts) {
  std::sort(hosts.begin(), hosts.end());
  const auto different = std::unique(hosts.begin(), hosts.end()) - hosts.begin();
  const bool follow_each_other = static_cast<std::size_t>(different) == runs.size();
  const bool share =
      std::any_of(runs.begin(), runs.end(), [](const HostRanks& host) { return host.count > 1; });
  return follow_each_other && share;
}

}  // namespace

HostMap::HostMap(const std::vector<int>& hosts) : hosts_(runs_of(hosts)) {
  if (!gain(hosts_, hosts)) hosts_ = {{0, static_cast<int>(hosts.size())}};
  for (std::size_t host = 0; host < hosts_.size(); ++host) {
    host_of_.insert(
        host_of_.end(), static_cast<std::size_t>(hosts_[host].count), static_cast<int>(host));
  }
}

int HostMap::counterpart(int rank, int host) const {
  const HostRanks& own = hosts_[static_cast<std::size_t>(host_of(rank))];
  const HostRanks& there = hosts_[static_cast<std::size_t>(host)];
  return there.first + (rank - own.first) % there.count;
}

std::vector<int> HostMap::represented(int rank) const {
  std::vector<int> ranks;
  for (int other = 0; other < static_cast<int>(host_of_.size()); ++other) {
    if (counterpart(other, host_of(rank)) == rank) ranks.push_back(other);
  }
  return ranks;
}

}  // namespace larkspur::distributed
