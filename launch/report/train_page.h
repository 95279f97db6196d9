// SPDX-License-Identifier: Apache-2.0
// The page of a run in progress.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "launch/config/run_config.h"
#include "launch/report/run_history.h"
#include "pipeline/checkpoint/checkpoint_manifest.h"
#include "pipeline/metrics.h"

namespace larkspur::launch {

/// What the page says of a run beside its steps.
struct TrainPageContext {
  RunConfig config;           ///< its `output` names the run
  pipeline::RunIdentity job;  ///< ranks, threads, processor, CRC of the list
  std::string versions;       ///< what `larkspur --version` prints
};

/// The data of the page (page.h). As long as steps are to come, the page loads itself anew every
/// minute and says when the last of them will be done, at the speed of the latest ones.
nlohmann::ordered_json training_page(const RunHistory& history, const TrainPageContext& context);

/// Writes report/train.html below the output folder at each epoch's end and evaluation, from the
/// metrics.jsonl there, by rename: stands behind the sink that writes it. Throws kIo.
class TrainPage : public pipeline::MetricSink {
 public:
  /// steps_per_epoch > 0.
  TrainPage(TrainPageContext context, std::int64_t steps_per_epoch);
  void step(const pipeline::StepMetrics& metrics) override;
  void evaluation(const pipeline::EvaluationMetrics&) override { write(); }

 private:
  /// A page that cannot be written is a warning: a training does not end for it.
  void write() const;

  TrainPageContext context_;
  std::int64_t steps_per_epoch_;
};

}  // namespace larkspur::launch
