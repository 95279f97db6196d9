// SPDX-License-Identifier: Apache-2.0
#include "pipeline/phase_board.h"

#include <array>
#include <utility>

namespace larkspur::pipeline {

std::string name_of(RunPhase phase) {
  static constexpr std::array kNames{
      "start", "data", "compute", "reduce", "facts", "gather", "save", "epoch end", "end"};
  return kNames.at(static_cast<std::size_t>(phase));
}

void PhaseBoard::begin_step(std::int64_t step) {
  const std::lock_guard lock(mutex_);
  step_ = step;
  phase_ = RunPhase::kCompute;
  since_ = Clock::now();
  if (ring_) ring_->at(step_, name_of(phase_));
}

RunPhase PhaseBoard::enter(RunPhase phase) {
  const std::lock_guard lock(mutex_);
  since_ = Clock::now();
  if (ring_) ring_->at(step_, name_of(phase));
  return std::exchange(phase_, phase);
}

PhaseReport PhaseBoard::report() const {
  const std::lock_guard lock(mutex_);
  return {step_, phase_, std::chrono::duration<double>(Clock::now() - since_).count()};
}

}  // namespace larkspur::pipeline
