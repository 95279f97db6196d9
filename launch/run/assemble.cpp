// SPDX-License-Identifier: Apache-2.0
#include "launch/run/assemble.h"

#include <fstream>

#include <ATen/Parallel.h>

#include "launch/config/config_schema.h"
#include "launch/config/model_options.h"
#include "launch/run/saved_config.h"
#include "pipeline/all_or_none.h"
#include "pipeline/log.h"
#include "pipeline/placement.h"
#include "pipeline/require.h"
#include "pipeline/storage/crc32c.h"

namespace larkspur::launch {
namespace {

using pipeline::Errc;
using pipeline::require;

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "unknown";
}

}  // namespace

void warn_of_doubts(const LoadedConfig& loaded, const Device& device) {
  const RunConfig& config = loaded.config;
  if (config.train.precision != pipeline::Precision::kFloat32 && !device.place.is_cuda()) {
    pipeline::log_warn(key_origin(loaded.origins, "train.precision") +
                       "on a CPU only some processors are faster in it than in float32");
  }
  if (config.model.freeze_stages > 0 && !config.model.starts_from_file()) {
    pipeline::log_warn(key_origin(loaded.origins, "model.freeze_stages") +
                       "model.weights is none: the frozen layers stay as the seed drew them");
  }
  const bool norms = config.train.precise_norm_samples > 0 ||
                     config.train.batch_norm != pipeline::NormScope::kLane;
  if (config.model.freeze_stages == 4 && norms) {
    pipeline::log_warn(key_origin(loaded.origins, "model.freeze_stages") +
                       "4 leaves no BatchNorm that learns: train.batch_norm and "
                       "train.precise_norm_samples only cost time");
  }
}

std::unique_ptr<model3d::Network> make_network(const RunConfig& config) {
  return std::make_unique<model3d::Network>(model_options(config));
}

std::unique_ptr<model3d::Network> make_evaluated_network(const pipeline::Checkpoint& checkpoint,
                                                         pipeline::WeightSet set,
                                                         const RunConfig& config,
                                                         const Device& device,
                                                         pipeline::Communicator& communicator) {
  auto network = make_network(config);
  pipeline::all_or_none(communicator, [&] {
    pipeline::restore_network(checkpoint, *network, set);
    network->merge();
    pipeline::place(*network, device.place);
    return std::string();
  });
  return network;
}

std::unique_ptr<model3d::Network> network_of(const pipeline::Checkpoint& checkpoint,
                                             pipeline::WeightSet set) {
  auto network = make_network(config_of(checkpoint));
  pipeline::restore_network(checkpoint, *network, set);
  return network;
}

pipeline::TrainOptions train_options(const RunConfig& config) {
  pipeline::TrainOptions options = config.train;
  options.seed = static_cast<std::uint64_t>(config.seed);
  options.max_bad_fraction = config.data.max_bad_fraction;
  options.workers = config.data.workers;
  return options;
}

pipeline::TrainState train_state(const RunConfig& config,
                                 const model3d::Network& network,
                                 const pipeline::Communicator& communicator) {
  return {network,
          config.train.bucket_elements,
          communicator.rank(),
          communicator.size(),
          config.train,
          config.train.average_decay};
}

pipeline::EvalOptions eval_options(const RunConfig& config) {
  pipeline::EvalOptions options;
  options.seed = static_cast<std::uint64_t>(config.seed);
  options.batch = config.eval.batch;
  const pipeline::Protocol& protocol = pipeline::find_protocol(config.eval.protocol);
  options.views = protocol.views(config.data.kind);
  options.fusion = protocol.fusion;
  options.several_labels = config.data.several_labels;
  options.classes = config.model.classes;
  options.bad_samples = config.eval.bad_samples == BadSampleRule::kWrong
                            ? pipeline::BadSamplePolicy::kWrong
                            : pipeline::BadSamplePolicy::kExclude;
  options.workers = config.data.workers;
  return options;
}

std::uint32_t list_crc(const pipeline::SampleSource& source) {
  std::uint32_t crc = 0;
  for (std::int64_t id = 0; id < source.size(); ++id) {
    std::string line = source.identity(id);
    for (const std::int64_t label : source.labels(id)) line += " " + std::to_string(label);
    line += "\n";
    crc = pipeline::crc32c(line.data(), line.size(), crc);
  }
  return crc;
}

pipeline::RunIdentity run_identity(const RunConfig& config,
                                   const Dataset& data,
                                   const Device& device,
                                   int ranks) {
  return {write_config(config),
          data.classes,
          list_crc(*data.source),
          ranks,
          config.train.threads,
          device.name.empty() ? processor_name() : device.name};
}

void set_compute_threads(int threads) { at::set_num_threads(threads); }

}  // namespace larkspur::launch
