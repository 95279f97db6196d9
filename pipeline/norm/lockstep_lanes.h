// SPDX-License-Identifier: Apache-2.0
// A rank's lanes run side by side, so that BatchNorm can see all lanes of the job at once.
//
//   lane 0:  conv -- norm ...          conv -- norm ...         One thread. Each lane's forward is
//   lane 1:         conv -- norm ...          conv -- norm ...  a fiber that pauses at each norm;
//                         sync_batch_norm                sync_batch_norm  when all stand there, the
//                         norm is
//                                                               computed for all, and on they go.
//
// Every lane has a network of its own on the same values (Classifier::replica), so its gradients
// are its own and are added in the tree as ever. One backward pass drives all lanes. In one thread
// autograd numbers its nodes in order of creation and runs them in the reverse order, so within a
// lane gradients are added in the same order whatever other lanes are beside it.
//
// Memory: activations and gradients of all lanes of the rank at once; with a lane a rank, what a
// lane by itself takes.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "pipeline/batch_norm_hook.h"
#include "pipeline/classifier.h"
#include "pipeline/communicator.h"
#include "pipeline/norm/lane_rounds.h"
#include "pipeline/norm/moments.h"
#include "pipeline/state/train_state.h"

namespace larkspur::pipeline {

/// Not thread-safe. Borrows classifier, state and communicator; from construction to destruction
/// the classifier's training passes belong to it.
class LockstepLanes final : public BatchNormHook {
 public:
  /// One lane's forward pass: a scalar to go backward from, or nothing defined.
  using Pass = std::function<at::Tensor(int index, Classifier& network)>;

  /// Sees the moments of each norm's own lane: index of the lane, number of the norm in the pass.
  using MomentsObserver =
      std::function<void(int index, int number, const BatchNormCall& call, const Moments& own)>;

  /// For `lanes` of this rank, > 0.
  LockstepLanes(Classifier& classifier, TrainState& state, Communicator& communicator, int lanes);
  ~LockstepLanes() override;
  LockstepLanes(const LockstepLanes&) = delete;
  LockstepLanes& operator=(const LockstepLanes&) = delete;

  int lanes() const { return static_cast<int>(networks_.size()); }

  /// pass(index, network) for every lane of this rank that `takes_part`; what they returned, by
  /// index. Statistics move once, by the moments of all lanes of the job. Throws what a lane threw
  /// (the other ranks throw kCollective naming this one), or kCollective. A collective call.
  std::vector<at::Tensor> forward(const std::vector<bool>& takes_part, const Pass& pass);

  /// The same without random depth, and for the watch's sake: the statistics stay.
  void measure(const std::vector<bool>& takes_part, const Pass& pass, const MomentsObserver& watch);

  /// Backward from every scalar that is defined, with its slope, into gradients(index). Collective,
  /// as forward().
  void backward(const std::vector<at::Tensor>& scalars, const std::vector<at::Tensor>& slopes);

  /// The lane's flat gradients, as FlatParameters lays them out; zero where it took no part. Those
  /// of lane 0 are the state's own.
  const at::Tensor& gradients(int index) const {
    return gradients_[static_cast<std::size_t>(index)];
  }

  /// The rank that tells the job the statistics after forward(): one that has seen them move.
  int reporter() const { return rounds_.reporter(); }

  at::Tensor normalise(const BatchNormCall& call) override;

 private:
  class LaneFiber;
  std::vector<at::Tensor> run(const std::vector<bool>& takes_part, const Pass& pass);
  void meet(std::vector<std::unique_ptr<LaneFiber>>& lanes, int number);
  void set_pass(const TrainingPass& pass);

  Classifier& classifier_;
  TrainState& state_;
  LaneRounds rounds_;
  std::vector<std::unique_ptr<Classifier>> replicas_;
  std::vector<Classifier*> networks_;       ///< by lane; the first is the classifier itself
  std::vector<at::Tensor> gradients_;       ///< by lane
  LaneFiber* at_work_ = nullptr;            ///< the lane that runs now
  const MomentsObserver* watch_ = nullptr;  ///< while measuring
};

}  // namespace larkspur::pipeline
