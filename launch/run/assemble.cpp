// SPDX-License-Identifier: Apache-2.0
#include "launch/run/assemble.h"

#include <fstream>

#include <ATen/Parallel.h>

#include "launch/config/config_file.h"
#include "launch/config/config_schema.h"
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

model3d::ModelOptions model_options(const RunConfig& config) {
  model3d::ModelOptions options;
  options.form = enum_names(config.model.form)[static_cast<std::size_t>(config.model.form)];
  options.variant = config.model.variant;
  options.classes = config.model.classes;
  options.kernel = config.model.kernel;
  options.stem_stride = config.model.stem_stride;
  if (config.model.form == ModelForm::kClip) {
    options.temporal_strides = config.model.temporal_strides;
    options.temporal_taps = config.model.temporal_taps;
  }
  options.spatial_taps = config.model.spatial_taps;
  options.separable_time = config.model.separable_time;
  options.time_padding = config.model.time_padding;
  options.inflation = config.model.inflation;
  options.view_pooling =
      enum_names(config.model.view_pooling)[static_cast<std::size_t>(config.model.view_pooling)];
  if (config.model.form == ModelForm::kJoint) {
    options.view_stem_stride = config.model.view_stem_stride;
    options.view_taps = config.model.view_taps;
  }
  options.drawing_size = config.model.drawing_size;
  options.drop_path = config.model.drop_path;
  options.layer_scale = config.model.layer_scale;
  options.head_scale = config.model.head_scale;
  options.freeze_stages = config.model.freeze_stages;
  options.norm_before_downsampling = config.model.norm_before_downsampling;
  options.seed = static_cast<std::uint64_t>(config.seed);
  return options;
}

std::unique_ptr<model3d::Network> make_network(const RunConfig& config) {
  return std::make_unique<model3d::Network>(model_options(config));
}

RunConfig config_of(const pipeline::Checkpoint& checkpoint) {
  const std::string name = (checkpoint.folder() / "manifest.json").string();
  return parse_config(checkpoint.manifest().run.config, name).config;
}

std::unique_ptr<model3d::Network> make_evaluated_network(const pipeline::Checkpoint& checkpoint,
                                                         const RunConfig& config,
                                                         const Device& device,
                                                         pipeline::Communicator& communicator) {
  auto network = make_network(config);
  pipeline::all_or_none(communicator, [&] {
    pipeline::restore_network(checkpoint, *network);
    network->merge();
    pipeline::place(*network, device.place);
    return std::string();
  });
  return network;
}

pipeline::Checkpoint checkpoint_of(const std::filesystem::path& checkpoint) {
  const std::filesystem::path inside = checkpoint / "checkpoints";
  std::error_code error;
  const bool is_run = std::filesystem::is_directory(inside, error);
  auto found = pipeline::newest_checkpoint(is_run ? inside : checkpoint);
  require(found.has_value(), Errc::kNotFound, "no checkpoint in ", checkpoint.string());
  return std::move(*found);
}

std::unique_ptr<model3d::Network> network_of(const std::filesystem::path& checkpoint) {
  const pipeline::Checkpoint found = checkpoint_of(checkpoint);
  auto network = make_network(config_of(found));
  pipeline::restore_network(found, *network);
  return network;
}

pipeline::TrainOptions train_options(const RunConfig& config) {
  const TrainConfig& train = config.train;
  pipeline::TrainOptions options;
  options.seed = static_cast<std::uint64_t>(config.seed);
  options.epochs = train.epochs;
  options.global_batch = train.global_batch;
  options.lanes = train.lanes;
  options.learning_rate = train.learning_rate;
  options.min_learning_rate = train.min_learning_rate;
  options.warmup_epochs = train.warmup_epochs;
  options.label_smoothing = train.label_smoothing;
  options.mix = train.mix;
  options.max_bad_fraction = config.data.max_bad_fraction;
  options.checkpoint_every = train.checkpoint_every;
  options.stop_after_steps = train.stop_after_steps;
  options.workers = config.data.workers;
  options.precision = train.precision;
  options.batch_norm = train.batch_norm;
  options.precise_norm_samples = train.precise_norm_samples;
  return options;
}

pipeline::AdamWOptions adamw_options(const RunConfig& config) {
  const TrainConfig& train = config.train;
  return {train.beta1,
          train.beta2,
          train.epsilon,
          train.weight_decay,
          train.clip_norm,
          train.layer_decay};
}

pipeline::EvalOptions eval_options(const RunConfig& config) {
  pipeline::EvalOptions options;
  options.seed = static_cast<std::uint64_t>(config.seed);
  options.batch = config.eval.batch;
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
    const std::string line = pipeline::text_of(source.name(id), " ", source.label(id), "\n");
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
