// SPDX-License-Identifier: Apache-2.0
#include "distributed/reduce_plan.h"

#include "pipeline/lanes.h"

namespace larkspur::distributed {
namespace {

std::vector<Subtree> subtrees_of(const HostRanks& some, const HostMap& hosts, int lanes) {
  const int first = pipeline::first_lane(some.first, hosts.ranks(), lanes);
  return subtrees(first,
                  pipeline::first_lane(some.first + some.count, hosts.ranks(), lanes) - first);
}

LevelPlan plan_inside(const HostMap& hosts, int rank, int lanes) {
  LevelPlan plan;
  plan.owners = hosts.represented(rank);
  const HostRanks& inside = hosts.hosts()[static_cast<std::size_t>(hosts.host_of(rank))];
  for (int peer = inside.first; peer < inside.first + inside.count; ++peer) {
    plan.sources.push_back({peer, subtrees_of({peer, 1}, hosts, lanes)});
    if (peer != rank) plan.targets.push_back({peer, hosts.represented(peer)});
  }
  return plan;
}

LevelPlan plan_across(const HostMap& hosts, int rank, int lanes) {
  LevelPlan plan;
  plan.route = Route::kAcross;
  plan.owners = {rank};
  for (int host = 0; host < static_cast<int>(hosts.hosts().size()); ++host) {
    plan.sources.push_back(
        {hosts.counterpart(rank, host),
         subtrees_of(hosts.hosts()[static_cast<std::size_t>(host)], hosts, lanes)});
  }
  for (const int owner : hosts.represented(rank)) {
    if (owner != rank) plan.targets.push_back({owner, {owner}});
  }
  return plan;
}

}  // namespace

std::vector<LevelPlan> plan_levels(const HostMap& hosts, int rank, int lanes) {
  std::vector<LevelPlan> levels{plan_inside(hosts, rank, lanes)};
  if (hosts.hosts().size() > 1) levels.push_back(plan_across(hosts, rank, lanes));
  return levels;
}

}  // namespace larkspur::distributed
