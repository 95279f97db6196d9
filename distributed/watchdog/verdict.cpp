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

constexpr int kLooksInARow = 3;

std::optional<std::string> silence(const std::vector<RankWatch>& ranks, double deadline_seconds) {
  for (const RankWatch& rank : ranks) {
    if (rank.is_unwatched || rank.silent_seconds <= deadline_seconds) continue;
    return pipeline::text_of(name_of(rank),
                             " has been silent for ",
                             std::floor(rank.silent_seconds),
                             " s (deadline ",
                             deadline_seconds,
                             " s); last heard of in ",
                             place_of(rank));
  }
  return std::nullopt;
}

/// Of those busy for more than `busy_seconds` the one busy for the longest, and of those it holds
/// up beyond the deadline the one that waits for the longest.
std::optional<HeldUp> held_up(const std::vector<RankWatch>& ranks,
                              double deadline_seconds,
                              double busy_seconds) {
  std::optional<HeldUp> found;
  for (const RankWatch& busy : ranks) {
    if (busy.is_unwatched || !is_own_work(busy.last.phase)) continue;
    if (seconds_in_phase(busy) <= busy_seconds) continue;
    if (found && seconds_in_phase(busy) <= seconds_in_phase(found->busy)) continue;
    const RankWatch* longest = nullptr;
    for (const RankWatch& rank : ranks) {
      if (rank.is_unwatched || !waits_for_others(rank.last.phase)) continue;
      if (seconds_in_phase(rank) <= deadline_seconds || rank.last.step < busy.last.step) continue;
      if (longest == nullptr || seconds_in_phase(rank) > seconds_in_phase(*longest)) {
        longest = &rank;
      }
    }
    if (longest != nullptr) found = HeldUp{*longest, busy};
  }
  return found;
}

/// The same rank as it is now, where it has not left the phase it was found in.
const RankWatch* still_there(const RankWatch& then, const std::vector<RankWatch>& ranks) {
  const auto now = std::ranges::find(ranks, then.rank, &RankWatch::rank);
  const bool is_same = now != ranks.end() && !now->is_unwatched &&
                       now->last.step == then.last.step && now->last.phase == then.last.phase &&
                       now->last.seconds >= then.last.seconds;
  return is_same ? &*now : nullptr;
}

}  // namespace

std::optional<std::string> Judge::look(const std::vector<RankWatch>& ranks) {
  if (auto silent = silence(ranks, deadline_seconds_)) return silent;
  const RankWatch* waiting = first_ ? still_there(first_->waiting, ranks) : nullptr;
  const RankWatch* busy = first_ ? still_there(first_->busy, ranks) : nullptr;
  if (waiting == nullptr || busy == nullptr) {
    first_ = held_up(ranks, deadline_seconds_, deadline_seconds_ - period_seconds_);
    looks_ = 1;
    return std::nullopt;
  }
  // Of a phase that goes on a newer beat says more seconds.
  const bool is_newer = waiting->last.seconds > first_->waiting.last.seconds &&
                        busy->last.seconds > first_->busy.last.seconds;
  if (++looks_ < kLooksInARow || !is_newer) return std::nullopt;
  return pipeline::text_of(name_of(*busy),
                           " has been in ",
                           place_of(*busy),
                           " for ",
                           std::floor(seconds_in_phase(*busy)),
                           " s, and rank ",
                           waiting->rank,
                           " has waited longer than the deadline of ",
                           deadline_seconds_,
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
