// SPDX-License-Identifier: Apache-2.0
// From a configuration to the objects of a run: the only file that knows all three siblings.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "launch/device.h"
#include "launch/run_config.h"
#include "model3d/network.h"
#include "pipeline/checkpoint_manifest.h"
#include "pipeline/evaluator.h"
#include "pipeline/optimizer.h"
#include "pipeline/sample_source.h"
#include "pipeline/trainer.h"

namespace larkspur::launch {

/// A side of the data: its samples, and the name of each label.
struct DataSide {
  std::unique_ptr<pipeline::SampleSource> source;
  std::vector<std::string> classes;
};

/// Throws kUnsupported naming place and key where the device chosen cannot do what is asked.
void check_supported(const LoadedConfig& loaded, const Device& device);

/// The training list with augmentation. Class names, or numbers up to model.classes. Throws
/// kInvalidArgument when the list has other classes than model.classes says, kNotFound for a list,
/// root or labels file that is not there.
DataSide make_training_data(const RunConfig& config);

/// The evaluation list, its labels renumbered to mean `classes`, of which there is at least one.
DataSide make_evaluation_data(const RunConfig& config, const std::vector<std::string>& classes);

std::unique_ptr<model3d::Network> make_network(const RunConfig& config);

pipeline::TrainOptions train_options(const RunConfig& config);
pipeline::AdamWOptions adamw_options(const RunConfig& config);
pipeline::EvalOptions eval_options(const RunConfig& config);

/// CRC-32C of a list: every sample's path as the list gives it, and its label, in order.
std::uint32_t list_crc(const pipeline::SampleSource& source);

/// What a checkpoint says of this run. `ranks` of the job that writes it; its processor is the GPU
/// where there is one.
pipeline::RunIdentity run_identity(const RunConfig& config,
                                   const DataSide& data,
                                   const Device& device,
                                   int ranks);

/// Sets the number of compute threads of this process; before any tensor work.
void set_compute_threads(int threads);

}  // namespace larkspur::launch
