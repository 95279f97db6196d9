// SPDX-License-Identifier: Apache-2.0
// A training of toy ranks, in threads, that saves beside its steps as a real one does.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <utility>

#include "distributed/group_communicator.h"
#include "distributed/tree_exchange.h"
#include "pipeline/checkpoint/checkpoint_saver.h"
#include "tests/support/thread_ranks.h"
#include "tests/support/toy_run.h"

namespace larkspur::testing {

struct SavingJob {
  pipeline::CheckpointOptions checkpoints;
  int ranks = 2;
  std::int64_t every = 3;
  std::int64_t last_step = 10;
  pipeline::MetricSink* metrics = nullptr;  ///< of rank 0
  std::int64_t inputs = 5;                  ///< of a sample and of the network
  double gradient_limit = 0.0;              ///< make_toy_classifier()'s
  double average_decay = 0.0;
  pipeline::AdamWOptions optimizer{};
  std::function<void(ToyRun& run)> tune{};  ///< options and source, on every rank; empty: as is
};

/// Goes on from the newest whole checkpoint, if there is one, to the last step. Throws what a rank
/// throws.
inline void train_and_save(const SavingJob& job) {
  run_ranks(
      job.ranks,
      [&](distributed::ProcessGroup& group) {
        ToyRun toy(1, 0.0, job.inputs);
        toy.options.checkpoint_every = job.every;
        toy.options.stop_after_steps = job.last_step;
        toy.options.epochs = 100;
        if (job.tune) job.tune(toy);
        const auto network = make_toy_classifier(job.inputs, 3, 1, job.gradient_limit);
        pipeline::TrainState state(
            *network, 64, group.rank(), group.size(), job.optimizer, job.average_decay);
        distributed::GroupCommunicator communicator(group);
        pipeline::restore_newest(
            job.checkpoints.folder, state, communicator, [](const pipeline::Checkpoint&) {});
        distributed::TreeExchange exchange(
            group,
            state.parameters,
            pipeline::lanes_of_rank(group.rank(), group.size(), toy.options.lanes));
        pipeline::CheckpointSaver saver(
            job.checkpoints,
            {},
            [&](pipeline::StateSnapshot before) {
              return pipeline::take_snapshot(state, std::move(before));
            },
            communicator);
        RecordingSink none;
        pipeline::TrainParts parts{{*network, state, exchange, communicator},
                                   toy.source,
                                   job.metrics != nullptr ? *job.metrics : none,
                                   toy.requests,
                                   &saver,
                                   [] {}};
        pipeline::train(toy.options, parts);
      },
      30.0,
      /*reads_memory=*/true);
}

}  // namespace larkspur::testing
