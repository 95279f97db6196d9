// SPDX-License-Identifier: Apache-2.0
// Where a rank of a training run is: written by the loop, read by whoever looks after the ranks.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "pipeline/operation_ring.h"

namespace larkspur::pipeline {

/// What a rank is doing.
enum class RunPhase : std::uint8_t {
  kStart,     ///< before its first step
  kData,      ///< waits for its own readers
  kCompute,   ///< passes of the network, the optimiser
  kReduce,    ///< waits for the others' gradients or statistics
  kFacts,     ///< waits for what the others have to tell
  kGather,    ///< waits for the others' new weights
  kSave,      ///< copies the state, or waits for its own disk
  kEpochEnd,  ///< its own part of measurements and held-out data
  kEnd,       ///< after its last step
};

/// "data", "compute", ...
std::string name_of(RunPhase phase);

/// Busy with what is its own, while others may have to wait for it.
constexpr bool is_own_work(RunPhase phase) noexcept {
  return phase == RunPhase::kData || phase == RunPhase::kCompute || phase == RunPhase::kSave ||
         phase == RunPhase::kEpochEnd;
}

/// Stands still until other ranks have done their part.
constexpr bool waits_for_others(RunPhase phase) noexcept {
  return phase == RunPhase::kReduce || phase == RunPhase::kFacts || phase == RunPhase::kGather;
}

struct PhaseReport {
  std::int64_t step = 0;  ///< the one under way, from 1; 0: none yet
  RunPhase phase = RunPhase::kStart;
  double seconds = 0.0;  ///< in this phase so far
};

/// Safe from any thread; one writes.
class PhaseBoard {
 public:
  void begin_step(std::int64_t step);
  RunPhase enter(RunPhase phase);  ///< returns the one before
  PhaseReport report() const;

  /// Where it writes too, from now on: before others use the board.
  void record_in(std::shared_ptr<OperationRing> ring) { ring_ = std::move(ring); }

 private:
  using Clock = std::chrono::steady_clock;

  mutable std::mutex mutex_;
  std::int64_t step_ = 0;
  RunPhase phase_ = RunPhase::kStart;
  Clock::time_point since_ = Clock::now();
  std::shared_ptr<OperationRing> ring_;
};

/// In a phase while it lives, then in the one before. Of no board it does nothing.
class PhaseScope {
 public:
  PhaseScope(PhaseBoard* board, RunPhase phase) : board_(board) {
    if (board != nullptr) before_ = board->enter(phase);
  }
  ~PhaseScope() {
    if (board_ != nullptr) board_->enter(before_);
  }
  PhaseScope(const PhaseScope&) = delete;
  PhaseScope& operator=(const PhaseScope&) = delete;

 private:
  PhaseBoard* board_;
  RunPhase before_ = RunPhase::kStart;
};

}  // namespace larkspur::pipeline
