// SPDX-License-Identifier: Apache-2.0
#include "pipeline/norm/lockstep_lanes.h"

#include <optional>
#include <utility>

#include <c10/util/ScopeExit.h>
#include <torch/csrc/autograd/autograd.h>

#include "pipeline/norm/fiber.h"
#include "pipeline/norm/sync_batch_norm.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

/// Runs `work`; if it throws, the other ranks hear of it before the error goes on its way.
template <typename Work>
void or_tell(LaneRounds& rounds, const Work& work) {
  std::exception_ptr error;
  std::string text;
  try {
    work();
    return;
  } catch (const std::exception& thrown) {
    error = std::current_exception();
    text = thrown.what();
  }
  rounds.fail(text);
  std::rethrow_exception(error);
}

}  // namespace

/// A lane on its way through the network.
class LockstepLanes::LaneFiber {
 public:
  LaneFiber(int index, std::function<at::Tensor()> pass)
      : index_(index), fiber_([this, forward = std::move(pass)] { result_ = forward(); }) {}

  /// On to the next norm, true, or to the end. Throws what the lane threw.
  bool go() { return fiber_.resume(); }

  /// Called by the lane: waits for the norm's output.
  at::Tensor wait(const BatchNormCall& call) {
    call_ = call;
    fiber_.pause();
    return std::exchange(output_, at::Tensor());
  }
  BatchNormCall take_call() { return *std::exchange(call_, std::nullopt); }
  void give(at::Tensor output) { output_ = std::move(output); }

  int index() const { return index_; }
  const at::Tensor& result() const { return result_; }

 private:
  int index_;
  std::optional<BatchNormCall> call_;
  at::Tensor output_;
  at::Tensor result_;
  Fiber fiber_;  // goes first: unwinding still uses the rest
};

LockstepLanes::LockstepLanes(Classifier& classifier,
                             TrainState& state,
                             Communicator& communicator,
                             int lanes)
    : classifier_(classifier), state_(state), rounds_(communicator) {
  networks_.push_back(&classifier);
  gradients_.push_back(state.parameters.gradients());
  for (int lane = 1; lane < lanes; ++lane) {
    replicas_.push_back(classifier.replica());
    replicas_.back()->set_training(true);
    gradients_.push_back(state.parameters.share_values(replicas_.back()->parameters()));
    state.statistics.share_values(replicas_.back()->statistics());
    networks_.push_back(replicas_.back().get());
  }
  set_pass({.norms = this});
}

LockstepLanes::~LockstepLanes() { classifier_.set_training_pass({}); }

void LockstepLanes::set_pass(const TrainingPass& pass) {
  for (Classifier* network : networks_) network->set_training_pass(pass);
}

at::Tensor LockstepLanes::normalise(const BatchNormCall& call) {
  require(at_work_ != nullptr,
          Errc::kInvalidArgument,
          "[lockstep_lanes] a training pass from outside forward()");
  return at_work_->wait(call);
}

void LockstepLanes::meet(std::vector<std::unique_ptr<LaneFiber>>& lanes, int number) {
  std::vector<BatchNormCall> calls;
  LaneRounds::Rows mine;
  for (const auto& lane : lanes) {
    calls.push_back(lane->take_call());
    const Moments own = moments_of(calls.back().x);
    if (watch_ != nullptr) (*watch_)(lane->index(), number, calls.back(), own);
    append(mine.emplace_back(), own);
  }
  Moments all;
  const auto channels = static_cast<std::size_t>(calls.front().x.size(1));
  for (const std::vector<double>& row : rounds_.all_gather(number, mine)) {
    std::span<const double> numbers(row);
    all.join(take(numbers, channels));
  }
  std::vector<at::Tensor> outputs = sync_batch_norm(calls, all, rounds_, number);
  for (std::size_t i = 0; i < lanes.size(); ++i) lanes[i]->give(std::move(outputs[i]));
  if (watch_ == nullptr) update_running(calls.front(), all);
}

std::vector<at::Tensor> LockstepLanes::run(const std::vector<bool>& takes_part, const Pass& pass) {
  const auto nobody_at_work = c10::make_scope_exit([&] { at_work_ = nullptr; });
  rounds_.begin();
  std::vector<at::Tensor> results(networks_.size());
  std::vector<std::unique_ptr<LaneFiber>> fibers;
  for (int index = 0; index < lanes(); ++index) {
    if (!takes_part[static_cast<std::size_t>(index)]) continue;
    Classifier& network = *networks_[static_cast<std::size_t>(index)];
    fibers.push_back(
        std::make_unique<LaneFiber>(index, [&, index] { return pass(index, network); }));
  }
  or_tell(rounds_, [&] {
    for (int number = 0; !fibers.empty(); ++number) {
      std::size_t waiting = 0;
      for (const auto& lane : fibers) {
        at_work_ = lane.get();
        waiting += lane->go() ? 1U : 0U;
      }
      if (waiting == 0) break;
      require(waiting == fibers.size(),
              Errc::kInvalidArgument,
              "[lockstep_lanes] ",
              waiting,
              " of ",
              fibers.size(),
              " lanes came to norm ",
              number);
      meet(fibers, number);
    }
    rounds_.finish();
  });
  for (const auto& lane : fibers) results[static_cast<std::size_t>(lane->index())] = lane->result();
  return results;
}

std::vector<at::Tensor> LockstepLanes::forward(const std::vector<bool>& takes_part,
                                               const Pass& pass) {
  return run(takes_part, pass);
}

void LockstepLanes::measure(const std::vector<bool>& takes_part,
                            const Pass& pass,
                            const MomentsObserver& watch) {
  const auto back_to_training = c10::make_scope_exit([&] {
    watch_ = nullptr;
    set_pass({.norms = this});
  });
  set_pass({.norms = this, .random_depth = false});
  watch_ = &watch;
  run(takes_part, pass);
}

void LockstepLanes::backward(const std::vector<at::Tensor>& scalars,
                             const std::vector<at::Tensor>& slopes) {
  state_.parameters.on_bucket_ready({});
  state_.parameters.begin_lane();  // clears those of lane 0
  for (std::size_t lane = 1; lane < gradients_.size(); ++lane) gradients_[lane].zero_();
  torch::autograd::variable_list roots;
  torch::autograd::variable_list begin_with;
  for (std::size_t lane = 0; lane < scalars.size(); ++lane) {
    if (!scalars[lane].defined()) continue;
    roots.push_back(scalars[lane]);
    begin_with.push_back(slopes[lane]);
  }
  or_tell(rounds_, [&] {
    if (!roots.empty()) torch::autograd::backward(roots, begin_with);
    state_.parameters.finish_lane();
    rounds_.finish();
  });
}

}  // namespace larkspur::pipeline
