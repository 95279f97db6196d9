// SPDX-License-Identifier: Apache-2.0
#include "pipeline/metrics.h"

#include <nlohmann/json.hpp>

#include "pipeline/require.h"

namespace larkspur::pipeline {

JsonLinesSink::JsonLinesSink(const std::filesystem::path& path, const std::string& header)
    : path_(path), file_(path, std::ios::app) {
  file_ << header << std::endl;
  require(file_.good(), Errc::kIo, "cannot write ", path_);
}

void JsonLinesSink::step(const StepMetrics& metrics) {
  const nlohmann::ordered_json line = {
      {"step", metrics.step},
      {"epoch", metrics.epoch},
      {"loss", metrics.loss},
      {"accuracy", metrics.accuracy},
      {"learning_rate", metrics.learning_rate},
      {"grad_norm", metrics.grad_norm},
      {"samples_per_second", metrics.samples_per_second},
      {"data_wait_seconds", metrics.data_wait_seconds},
      {"exposed_reduce_seconds", metrics.exposed_reduce_seconds},
      {"bad_samples", metrics.bad_samples},
      {"loss_scale", metrics.loss_scale},
      {"skipped_steps", metrics.skipped_steps},
  };
  file_ << line.dump() << std::endl;
  require(file_.good(), Errc::kIo, "cannot write ", path_);
}

}  // namespace larkspur::pipeline
