// SPDX-License-Identifier: Apache-2.0
// Everything a checkpoint must hold. What is not here is not resumed.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include "pipeline/classifier.h"
#include "pipeline/state/flat_parameters.h"
#include "pipeline/state/lane_statistics.h"
#include "pipeline/state/loss_scaler.h"
#include "pipeline/state/optimizer.h"
#include "pipeline/state/weight_average.h"

namespace larkspur::pipeline {

/// Kinds of tensors a state is made of, as checkpoints call them.
inline constexpr const char* kWeight = "weight";
inline constexpr const char* kMoment1 = "moment1";
inline constexpr const char* kMoment2 = "moment2";
inline constexpr const char* kStatistic = "statistic";
inline constexpr const char* kAverageWeight = "average_weight";  ///< of runs that keep averages
inline constexpr const char* kAverageStatistic = "average_statistic";
inline constexpr std::array<std::string_view, 6> kStateKinds{
    kWeight, kMoment1, kMoment2, kStatistic, kAverageWeight, kAverageStatistic};

/// Whether values of a kind are ones that a network computes with: they must be finite.
inline bool is_of_network(std::string_view kind) { return kind != kMoment1 && kind != kMoment2; }

/// How the ranks of a job hold a logical tensor.
enum class Sharding : std::uint8_t {
  kReplicated,  ///< every rank holds all of it
  kOwned,       ///< every rank holds what it owns
};

/// One logical tensor of a state, and what of it is on this rank.
struct StateTensor {
  const char* kind;
  std::string name;           ///< of the parameter or statistic
  std::int64_t elements = 0;  ///< of the whole logical tensor
  ElementRange held;          ///< of the logical tensor: what `values` are
  ElementRange owned;         ///< inside `held`: what this rank writes; all ranks' tile the tensor
  at::Tensor values;          ///< float32 [held.size()], sharing memory with the state
  Sharding sharding = Sharding::kOwned;
};

/// The moving parts of a run, on one rank and on the device the network was placed on. The order of
/// samples, the schedule and every random draw follow from `step` and the configuration, so there
/// is no generator and no loader to save.
struct TrainState {
  TrainState(const Classifier& classifier,
             std::int64_t bucket_elements,
             int rank,
             int ranks,
             const AdamWOptions& options,
             double average_decay = 0.0)
      : parameters(classifier.parameters(), bucket_elements),
        statistics(classifier.statistics()),
        optimizer(parameters.layout(), rank, ranks, options, parameters.values().device()),
        average(average_decay,
                parameters.layout().owned(rank, ranks),
                statistics.elements(),
                parameters.values().device()),
        is_root(rank == 0) {}

  FlatParameters parameters;   ///< all of them, on every rank
  LaneStatistics statistics;   ///< likewise
  AdamW optimizer;             ///< moments of the chunks this rank owns
  WeightAverage average;       ///< of the chunks this rank owns; kept where average_decay > 0
  bool is_root;                ///< writes what all ranks hold whole and nobody owns a chunk of
  LossScaler scaler;           ///< of a float16 run; untouched in others
  std::int64_t step = 0;       ///< steps finished: place in the schedule and in the data
  std::vector<BadSample> bad;  ///< distinct unreadable samples, in the order they were met

  /// Steps that changed the weights: what the optimiser's bias correction counts.
  std::int64_t updates() const { return step - scaler.skipped(); }

  /// Every tensor of the state once, the same kinds and names in the same order on every rank.
  /// Snapshots, checkpoints and resuming walk this list and know no other.
  std::vector<StateTensor> tensors() const;
};

}  // namespace larkspur::pipeline
