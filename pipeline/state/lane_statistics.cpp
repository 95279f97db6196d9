// SPDX-License-Identifier: Apache-2.0
#include "pipeline/state/lane_statistics.h"

#include <cstring>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include "pipeline/placement.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

std::int64_t count(const std::vector<Statistic>& statistics) {
  std::int64_t elements = 0;
  for (const Statistic& statistic : statistics) elements += statistic.tensor.numel();
  return elements;
}

}  // namespace

LaneStatistics::LaneStatistics(std::vector<Statistic> statistics)
    : statistics_(std::move(statistics)), elements_(count(statistics_)) {
  if (statistics_.empty()) return;
  const at::NoGradGuard no_grad;
  values_ = at::empty({elements_}, statistics_.front().tensor.options());
  std::int64_t begin = 0;
  for (const Statistic& statistic : statistics_) {
    at::Tensor tensor = statistic.tensor;
    require(tensor.scalar_type() == at::kFloat,
            Errc::kInvalidArgument,
            "[lane_statistics] ",
            statistic.name,
            " is ",
            tensor.scalar_type(),
            ", not Float");
    const at::Tensor home = values_.narrow(0, begin, tensor.numel()).view(tensor.sizes());
    home.copy_(tensor);
    tensor.set_data(home);
    begin += tensor.numel();
  }
}

void LaneStatistics::share_values(const std::vector<Statistic>& others) const {
  require(others.size() == statistics_.size(),
          Errc::kInvalidArgument,
          "[lane_statistics] ",
          others.size(),
          " statistics to share the values of ",
          statistics_.size());
  for (std::size_t i = 0; i < others.size(); ++i) {
    at::Tensor tensor = others[i].tensor;
    tensor.set_data(statistics_[i].tensor);
  }
}

void LaneStatistics::begin_step() {
  if (elements_ > 0) start_ = values_.clone();
}

void LaneStatistics::begin_lane() {
  const at::NoGradGuard no_grad;
  if (elements_ > 0) values_.copy_(start_);
}

at::Tensor LaneStatistics::lane_values() const {
  return elements_ == 0 ? at::Tensor() : values_.clone();
}

void LaneStatistics::end_lane(std::string& bytes) const {
  if (elements_ == 0) return;
  const at::Tensor values = to_host(values_);
  bytes.append(static_cast<const char*>(values.const_data_ptr()), values.nbytes());
}

void LaneStatistics::finish_step(std::string_view by_lane) {
  if (elements_ == 0) return;
  const std::size_t lane_bytes = static_cast<std::size_t>(elements_) * sizeof(float);
  require(!by_lane.empty() && by_lane.size() % lane_bytes == 0,
          Errc::kCollective,
          "[lane_statistics] got ",
          by_lane.size(),
          " bytes, not a multiple of ",
          lane_bytes);
  const std::size_t lanes = by_lane.size() / lane_bytes;
  std::vector<double> sums(static_cast<std::size_t>(elements_), 0.0);
  std::vector<float> means(sums.size());
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    std::memcpy(means.data(), by_lane.data() + lane * lane_bytes, lane_bytes);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += means[i];
  }
  for (std::size_t i = 0; i < sums.size(); ++i) {
    means[i] = static_cast<float>(sums[i] / static_cast<double>(lanes));
  }
  const at::NoGradGuard no_grad;
  values_.copy_(at::from_blob(means.data(), {elements_}, at::kFloat));
}

}  // namespace larkspur::pipeline
