// SPDX-License-Identifier: Apache-2.0
// report.html of an evaluation: the numbers of report.json, and what only people ask for.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "launch/config/run_config.h"
#include "launch/report/eval_report.h"
#include "pipeline/checkpoint/checkpoint.h"
#include "pipeline/sample_source.h"

namespace larkspur::launch {

/// What stands around an evaluation. None of it changes a score, so none of it is in report.json,
/// whose bytes do not depend on ranks, time or place.
struct EvalSurroundings {
  const pipeline::SampleSource& source;      ///< what was evaluated
  RunConfig config;                          ///< of the evaluation
  RunConfig trained;                         ///< as the checkpoint has it; else `config`
  pipeline::RunIdentity job;                 ///< of the evaluation: ranks, threads, processor
  std::optional<pipeline::RunIdentity> run;  ///< of the training; none: weights from elsewhere
  std::string versions;                      ///< what `larkspur --version` prints
  double seconds = 0.0;                      ///< the evaluation took
};

/// The data of the page (page.h). `report` is what report_json() gives. Finds the run's
/// metrics.jsonl beside the checkpoints folder, and says whether the checkpoint is the run's last;
/// reads a few samples for pictures. Throws nothing for what is not there. Without `around`, where
/// scores were kept and the network is not at hand, these are left out.
nlohmann::ordered_json evaluation_page(const nlohmann::ordered_json& report,
                                       const pipeline::Evaluation& evaluation,
                                       const EvalContext& context,
                                       const EvalSurroundings* around);

}  // namespace larkspur::launch
