// SPDX-License-Identifier: Apache-2.0
#include "distributed/watchdog/verdict.h"

#include <algorithm>
#include <cmath>

#include "pipeline/require.h"

namespace larkspur::distributed {
namespace {

template <typename Rank>
std::string name_of(const Rank& rank) {
  return pipeline::text_of("rank ", rank.rank, " on host ", rank.host);
}

// Shares of looks; a rank waits a little whatever it does.
constexpr double kHardlyWaits = 0.05;
constexpr double kWaitsMuch = 0.25;
constexpr int kFewLooks = 30;

int looks_at(const RankTime& rank) { return rank.data + rank.compute + rank.waiting; }

double waiting_share(const RankTime& rank) {
  return static_cast<double>(rank.waiting) / std::max(1, looks_at(rank));
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

void RankTime::count(pipeline::RunPhase phase) {
  data += static_cast<int>(phase == pipeline::RunPhase::kData);
  compute += static_cast<int>(phase == pipeline::RunPhase::kCompute);
  waiting += static_cast<int>(waits_for_others(phase));
}

std::optional<std::string> straggler(const std::vector<RankTime>& ranks) {
  const auto slow = std::ranges::min_element(ranks, {}, waiting_share);
  if (ranks.size() < 2 || waiting_share(*slow) > kHardlyWaits) return std::nullopt;
  double least = 1.0;
  for (auto other = ranks.begin(); other != ranks.end(); ++other) {
    if (looks_at(*other) < kFewLooks) return std::nullopt;
    if (other != slow) least = std::min(least, waiting_share(*other));
  }
  if (least < kWaitsMuch) return std::nullopt;
  return pipeline::text_of(name_of(*slow),
                           " holds the others up: each of them waits at least ",
                           std::lround(100.0 * least),
                           " % of its time, it is at its own ",
                           slow->data > slow->compute ? "data" : "compute",
                           " all the while");
}

}  // namespace larkspur::distributed
