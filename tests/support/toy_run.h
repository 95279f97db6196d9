// SPDX-License-Identifier: Apache-2.0
// A whole training run on one rank, without files and without other folders, for tests of the loop.
#pragma once

#include <functional>
#include <vector>

#include "pipeline/train/trainer.h"
#include "tests/support/hook_saver.h"
#include "tests/support/serial_exchange.h"
#include "tests/support/solo_communicator.h"
#include "tests/support/toy_classifier.h"
#include "tests/support/toy_source.h"

namespace larkspur::testing {

/// Keeps every step's metrics.
class RecordingSink : public pipeline::MetricSink {
 public:
  void step(const pipeline::StepMetrics& metrics) override { steps.push_back(metrics); }
  std::vector<pipeline::StepMetrics> steps;
};

/// Three classes, bucket of one chunk. Members may be changed before run().
struct ToyRun {
  explicit ToyRun(std::uint64_t seed = 1, double gradient_limit = 0.0, std::int64_t inputs = 5)
      : source(40, {inputs}, 3),
        classifier(make_toy_classifier(inputs, 3, seed, gradient_limit)),
        state(*classifier, 64, 0, 1, {}),
        exchange(state.parameters) {
    options.seed = seed;
    options.epochs = 2;
    options.global_batch = 8;
    options.lanes = 4;
    options.learning_rate = 0.02;
    options.max_bad_fraction = 1.0;
  }

  pipeline::TrainEnd run() {
    pipeline::TrainParts parts{{*classifier, state, exchange, communicator},
                               source,
                               sink,
                               requests,
                               &saver,
                               [this] { ++bad_reports; },
                               evaluation};
    return pipeline::train(options, parts);
  }

  ToySource source;
  std::unique_ptr<pipeline::Classifier> classifier;
  pipeline::TrainState state;
  SerialExchange exchange;
  SoloCommunicator communicator;
  RecordingSink sink;
  pipeline::Requests requests;
  pipeline::TrainOptions options;
  std::vector<std::int64_t> saved_at;
  HookSaver saver{[this] { saved_at.push_back(state.step); }};
  int bad_reports = 0;
  pipeline::EpochEvaluation evaluation;
};

}  // namespace larkspur::testing
