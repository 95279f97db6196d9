// SPDX-License-Identifier: Apache-2.0
#include "distributed/watchdog/verdict.h"

#include <cmath>

#include "pipeline/require.h"

namespace larkspur::distributed {
namespace {

std::string name_of(const RankWatch& rank) {
  return pipeline::text_of("rank ", rank.rank, " on host ", rank.host);
}

std::string place_of(const RankWatch& rank) {
  return pipeline::text_of("step ", rank.last.step, ", phase ", name_of(rank.last.phase));
}

double seconds_in_phase(const RankWatch& rank) { return rank.last.seconds + rank.silent_seconds; }

}  // namespace

std::optional<std::string> verdict(const std::vector<RankWatch>& ranks, double deadline_seconds) {
  const RankWatch* waiting = nullptr;
  const RankWatch* busy = nullptr;
  for (const RankWatch& rank : ranks) {
    if (rank.is_unwatched) continue;
    if (rank.silent_seconds > deadline_seconds) {
      return pipeline::text_of(name_of(rank),
                               " has been silent for ",
                               std::floor(rank.silent_seconds),
                               " s (deadline ",
                               deadline_seconds,
                               " s); last heard of in ",
                               place_of(rank));
    }
    const auto longer = [&](const RankWatch* than) {
      return than == nullptr || seconds_in_phase(rank) > seconds_in_phase(*than);
    };
    if (waits_for_others(rank.last.phase) && longer(waiting)) waiting = &rank;
    if (is_own_work(rank.last.phase) && longer(busy)) busy = &rank;
  }
  if (waiting == nullptr || busy == nullptr || seconds_in_phase(*waiting) <= deadline_seconds) {
    return std::nullopt;
  }
  return pipeline::text_of(name_of(*busy),
                           " has been in ",
                           place_of(*busy),
                           " for ",
                           std::floor(seconds_in_phase(*busy)),
                           " s, and rank ",
                           waiting->rank,
                           " has waited longer than the deadline of ",
                           deadline_seconds,
                           " s");
}

}  // namespace larkspur::distributed
