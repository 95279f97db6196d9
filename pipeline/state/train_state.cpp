// SPDX-License-Identifier: Apache-2.0
#include "pipeline/state/train_state.h"

namespace larkspur::pipeline {
namespace {

/// Where the part of a parameter lies that this rank owns; empty where it owns none of it.
struct OwnedRun {
  ElementRange logical;
  std::int64_t packed = 0;
};

/// By entry of the layout. A parameter lies in one bucket and a rank owns one range of it.
std::vector<OwnedRun> owned_runs(const TrainState& state) {
  const std::vector<FlatEntry>& entries = state.parameters.layout().entries();
  std::vector<OwnedRun> runs(entries.size());
  for (const auto& [index, flat, packed] : state.optimizer.owned()) {
    const std::int64_t first = entries[index].range.begin;
    runs[index] = {{flat.begin - first, flat.end - first}, packed};
  }
  return runs;
}

/// A kind that every rank holds whole, laid out as the parameters, each rank writing what it owns.
void add_replicated(std::vector<StateTensor>& all,
                    const std::vector<FlatEntry>& entries,
                    const std::vector<OwnedRun>& runs,
                    const char* kind,
                    const at::Tensor& flat) {
  for (std::size_t index = 0; index < runs.size(); ++index) {
    const FlatEntry& entry = entries[index];
    const std::int64_t elements = entry.range.size();
    all.push_back({kind,
                   entry.name,
                   elements,
                   {0, elements},
                   runs[index].logical,
                   flat.narrow(0, entry.range.begin, elements),
                   Sharding::kReplicated});
  }
}

/// A kind of which every rank holds what it owns, packed as gradients are.
void add_owned(std::vector<StateTensor>& all,
               const std::vector<FlatEntry>& entries,
               const std::vector<OwnedRun>& runs,
               const char* kind,
               const at::Tensor& packed) {
  for (std::size_t index = 0; index < runs.size(); ++index) {
    const FlatEntry& entry = entries[index];
    const auto& [logical, at] = runs[index];
    all.push_back({kind,
                   entry.name,
                   entry.range.size(),
                   logical,
                   logical,
                   packed.narrow(0, at, logical.size())});
  }
}

/// A kind that every rank holds whole and the first one writes, laid out as the statistics.
void add_statistics(std::vector<StateTensor>& all,
                    const TrainState& state,
                    const char* kind,
                    const at::Tensor& values) {
  std::int64_t first = 0;
  for (const Statistic& statistic : state.statistics.tensors()) {
    const ElementRange whole{0, statistic.tensor.numel()};
    all.push_back({kind,
                   statistic.name,
                   whole.size(),
                   whole,
                   state.is_root ? whole : ElementRange{},
                   values.narrow(0, first, whole.size()),
                   Sharding::kReplicated});
    first += whole.size();
  }
}

}  // namespace

std::vector<StateTensor> TrainState::tensors() const {
  std::vector<StateTensor> all;
  const std::vector<FlatEntry>& entries = parameters.layout().entries();
  const std::vector<OwnedRun> runs = owned_runs(*this);
  add_replicated(all, entries, runs, kWeight, parameters.values());
  add_owned(all, entries, runs, kMoment1, optimizer.moment1());
  add_owned(all, entries, runs, kMoment2, optimizer.moment2());
  add_statistics(all, *this, kStatistic, statistics.values());
  if (!average.is_kept()) return all;
  add_owned(all, entries, runs, kAverageWeight, average.weights());
  add_statistics(all, *this, kAverageStatistic, average.statistics());
  return all;
}

}  // namespace larkspur::pipeline
