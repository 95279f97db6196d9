// SPDX-License-Identifier: Apache-2.0
#include "pipeline/norm/precise_norm.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/from_blob.h>
#include <c10/util/ScopeExit.h>

#include "pipeline/log.h"
#include "pipeline/norm/lockstep_lanes.h"
#include "pipeline/norm/moments.h"
#include "pipeline/placement.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

bool is_finite(const Moments& moments) {
  const auto finite = [](double value) { return std::isfinite(value); };
  return std::ranges::all_of(moments.mean, finite) &&
         std::ranges::all_of(moments.variance(), finite);
}

/// The moments of every norm, by lane of this rank.
class NormTable {
 public:
  explicit NormTable(int lanes) : lanes_(static_cast<std::size_t>(lanes)) {}

  void add(int lane, int number, const BatchNormCall& call, const Moments& own) {
    const auto norm = static_cast<std::size_t>(number);
    if (norm == norms_.size()) norms_.push_back(call);
    norms_[norm].x = at::Tensor();
    auto& moments = lanes_[static_cast<std::size_t>(lane)];
    moments.resize(norms_.size());
    moments[norm].join(own);
  }

  /// My lanes' moments, lane after lane; lanes that saw nothing are left out.
  std::string bytes() const {
    std::vector<double> row;
    for (const auto& lane : lanes_) {
      for (const Moments& moments : lane) append(row, moments);
    }
    return {reinterpret_cast<const char*>(row.data()), row.size() * sizeof(double)};
  }

  /// Sets the statistics from all ranks' bytes, in lane order. False where this rank has seen no
  /// norm, so that it does not know whose the numbers are.
  bool finish(const std::vector<std::string>& all) const {
    if (norms_.empty()) return false;
    std::vector<Moments> joined(norms_.size());
    for (const std::string& bytes : all) {
      std::vector<double> row(bytes.size() / sizeof(double));
      std::memcpy(row.data(), bytes.data(), row.size() * sizeof(double));
      for (std::span<const double> numbers(row); !numbers.empty();) {
        for (std::size_t norm = 0; norm < norms_.size(); ++norm) {
          const auto channels = static_cast<std::size_t>(norms_[norm].running_mean.numel());
          joined[norm].join(take(numbers, channels));
        }
      }
    }
    if (!std::ranges::all_of(joined, is_finite)) {
      log_warn("activations are not finite: statistics stay the running averages");
      return true;
    }
    for (std::size_t norm = 0; norm < norms_.size(); ++norm) {
      if (joined[norm].count < 2.0) continue;  // no variance in one value
      const BatchNormCall& call = norms_[norm];
      call.running_mean.copy_(channel_values(joined[norm].mean, call.running_mean));
      call.running_var.copy_(channel_values(joined[norm].unbiased(), call.running_var));
    }
    return true;
  }

 private:
  std::vector<BatchNormCall> norms_;         ///< in order of use, without x
  std::vector<std::vector<Moments>> lanes_;  ///< [lane][norm]
};

/// BatchNorm as in training by lane, written down in a table instead of into the statistics.
class Measuring final : public BatchNormHook {
 public:
  Measuring(NormTable& table, int lane) : table_(table), lane_(lane) {}

  at::Tensor normalise(const BatchNormCall& call) override {
    table_.add(lane_, number_++, call, moments_of(call.x));
    return at::batch_norm(
        call.x, call.weight, call.bias, {}, {}, /*training=*/true, 0.0, call.eps, false);
  }

 private:
  NormTable& table_;
  int lane_;
  int number_ = 0;
};

void measure_in_turn(NormMeasurement& job, const std::vector<Batch>& lanes, NormTable& table) {
  const auto back_to_training =
      c10::make_scope_exit([&] { job.run.classifier.set_training_pass({}); });
  for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
    if (lanes[lane].size() == 0) continue;
    Measuring rule(table, static_cast<int>(lane));
    job.run.classifier.set_training_pass({.norms = &rule, .random_depth = false});
    job.run.classifier.forward(lanes[lane]);
  }
}

void measure_together(NormMeasurement& job, const std::vector<Batch>& lanes, NormTable& table) {
  std::vector<bool> takes_part;
  for (const Batch& lane : lanes) takes_part.push_back(lane.size() > 0);
  job.run.lockstep->measure(
      takes_part,
      [&](int index, Classifier& network) {
        network.forward(lanes[static_cast<std::size_t>(index)]);
        return at::Tensor();
      },
      [&](int index, int number, const BatchNormCall& call, const Moments& own) {
        table.add(index, number, call, own);
      });
}

/// Ranks that read no sample take the statistics of those that did.
void tell_the_rest(NormMeasurement& job, bool measured) {
  LaneStatistics& statistics = job.run.state.statistics;
  statistics.begin_step();
  if (measured) statistics.end_lane();
  const at::Tensor seen = statistics.elements() > 0 ? to_host(statistics.lanes()) : at::Tensor();
  const std::string_view mine =
      seen.defined()
          ? std::string_view(static_cast<const char*>(seen.const_data_ptr()), seen.nbytes())
          : std::string_view();
  for (const std::string& bytes : job.run.communicator.all_gather(mine)) {
    if (bytes.empty()) continue;
    statistics.finish_step(at::from_blob(
        const_cast<char*>(bytes.data()), {statistics.elements()}, at::kFloat));  // only read
    return;
  }
}

}  // namespace

void measure_norms(NormMeasurement& job) {
  const at::NoGradGuard no_grad;
  const at::Device device = job.run.state.parameters.values().device();
  NormTable table(job.run.lanes.count);
  for (std::int64_t batch = 0; batch < job.batches; ++batch) {
    std::vector<Batch> lanes;
    for (int lane = 0; lane < job.run.lanes.count; ++lane) {
      lanes.push_back(on_device(job.next_batch(), device));
    }
    const PrecisionScope scope(job.run.precision, device);
    if (job.run.lockstep != nullptr) {
      measure_together(job, lanes, table);
    } else {
      measure_in_turn(job, lanes, table);
      job.run.communicator.all_gather(
          "");  // nobody gets further ahead of a slow rank than one batch
    }
  }
  tell_the_rest(job, table.finish(job.run.communicator.all_gather(table.bytes())));
}

}  // namespace larkspur::pipeline
