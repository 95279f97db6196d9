// SPDX-License-Identifier: Apache-2.0
// An exchange that measures how long the loop stood still for it, and says when it does.
#pragma once

#include <chrono>

#include <ATen/core/Tensor.h>

#include "pipeline/gradient_exchange.h"
#include "pipeline/phase_board.h"

namespace larkspur::pipeline {

/// Passes every call on. One thread at a time; borrows both; the board may be null.
class TimedExchange final : public GradientExchange {
 public:
  explicit TimedExchange(GradientExchange& exchange, PhaseBoard* board = nullptr)
      : exchange_(exchange), board_(board) {}

  void lane_done(int lane, int bucket) override {
    if (!exchange_.lane_done_waits(lane, bucket)) return exchange_.lane_done(lane, bucket);
    const Waiting waiting(*this);
    exchange_.lane_done(lane, bucket);
  }
  bool lane_done_waits(int lane, int bucket) const override {
    return exchange_.lane_done_waits(lane, bucket);
  }
  at::Tensor reduce() override {
    const Waiting waiting(*this);
    return exchange_.reduce();
  }
  at::Tensor mean_of_rows(const at::Tensor& mine, const std::vector<int>& rows) override {
    const PhaseScope phase(board_, RunPhase::kReduce);
    return exchange_.mean_of_rows(mine, rows);
  }
  void gather() override { exchange_.gather(); }
  void wait(int bucket) override {
    const PhaseScope phase(board_, RunPhase::kGather);
    exchange_.wait(bucket);
  }

  /// Spent so far in reduce() and where lane_done waits: what the exchange of gradients did not
  /// hide behind backward.
  double reduce_seconds() const { return reduce_seconds_; }

 private:
  /// For others' gradients, while it lives.
  class Waiting {
   public:
    explicit Waiting(TimedExchange& exchange)
        : exchange_(exchange), phase_(exchange.board_, RunPhase::kReduce) {}
    ~Waiting() {
      exchange_.reduce_seconds_ +=
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

   private:
    TimedExchange& exchange_;
    PhaseScope phase_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  };

  GradientExchange& exchange_;
  PhaseBoard* board_;
  double reduce_seconds_ = 0.0;
};

}  // namespace larkspur::pipeline
