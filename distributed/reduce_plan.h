// SPDX-License-Identifier: Apache-2.0
// Who sends which sums to whom, in one level or in two: pure arithmetic.
//
//   one host, or a rank a host   each rank --my sums of its chunks--> every other one
//   hosts of several ranks       inside: --my sums--> who stands for an owner on this host
//                                across: --the host's sums--> the owners on other hosts
//
// A hierarchical (two-level) reduce-scatter: each bucket's sums leave a host once in two levels,
// once for every rank on it in one.
#pragma once

#include <vector>

#include "distributed/lane_tree.h"
#include "distributed/transport/process_group.h"

namespace larkspur::distributed {

/// Whom sums come from, this rank among them.
struct LevelSource {
  int rank = 0;
  std::vector<Subtree> subtrees;

  bool operator==(const LevelSource&) const = default;
};

/// Whom sums go to, and of whose chunks.
struct LevelTarget {
  int rank = 0;
  std::vector<int> owners;

  bool operator==(const LevelTarget&) const = default;
};

/// One rank's part in one level: in each of a bucket's owners' chunks it holds the sums of its own
/// subtrees, sends them to targets, and adds those of all sources where it answers for the owner.
struct LevelPlan {
  Route route = Route::kInside;
  std::vector<LevelSource> sources;  ///< their subtrees follow each other in lane order
  std::vector<LevelTarget> targets;
  std::vector<int> owners;  ///< of whose chunks this rank adds
};

/// Lanes in all, a power of two of at least as many as ranks, dealt as pipeline::lanes_of_rank
/// says.
std::vector<LevelPlan> plan_levels(const HostMap& hosts, int rank, int lanes);

}  // namespace larkspur::distributed
