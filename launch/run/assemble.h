// SPDX-License-Identifier: Apache-2.0
// From a configuration to the objects of a run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "launch/config/run_config.h"
#include "launch/run/dataset.h"
#include "launch/run/device.h"
#include "model3d/network.h"
#include "pipeline/checkpoint/checkpoint.h"
#include "pipeline/checkpoint/checkpoint_manifest.h"
#include "pipeline/eval/evaluator.h"
#include "pipeline/sample_source.h"
#include "pipeline/state/train_state.h"
#include "pipeline/train/trainer.h"

namespace larkspur::launch {

/// Warns, naming place and key, of what can be done but is hardly meant: a reduced precision on a
/// CPU, frozen layers that nothing has trained.
void warn_of_doubts(const LoadedConfig& loaded, const Device& device);

std::unique_ptr<model3d::Network> make_network(const RunConfig& config);

/// The checkpoint's network as evaluation wants it: merged, on the device. `config` is the
/// checkpoint's own, or one with the same model. Throws kNotFound where averages are asked for that
/// the run has not kept. A collective call.
std::unique_ptr<model3d::Network> make_evaluated_network(const pipeline::Checkpoint& checkpoint,
                                                         pipeline::WeightSet set,
                                                         const RunConfig& config,
                                                         const Device& device,
                                                         pipeline::Communicator& communicator);

/// The network of a checkpoint, made and filled as it says. Throws likewise.
std::unique_ptr<model3d::Network> network_of(const pipeline::Checkpoint& checkpoint,
                                             pipeline::WeightSet set = pipeline::WeightSet::kLast);

pipeline::TrainOptions train_options(const RunConfig& config);

/// The state of this rank before its first step; shares the network's tensors.
pipeline::TrainState train_state(const RunConfig& config,
                                 const model3d::Network& network,
                                 const pipeline::Communicator& communicator);

pipeline::EvalOptions eval_options(const RunConfig& config);

/// CRC-32C of a list: every sample's path as the list gives it, its number of frames where
/// the list has one, and its labels, in order.
std::uint32_t list_crc(const pipeline::SampleSource& source);

/// What a checkpoint says of this run. `ranks` of the job that writes it; its processor is the GPU
/// where there is one.
pipeline::RunIdentity run_identity(const RunConfig& config,
                                   const Dataset& data,
                                   const Device& device,
                                   int ranks);

/// Sets the number of compute threads of this process; before any tensor work.
void set_compute_threads(int threads);

}  // namespace larkspur::launch
