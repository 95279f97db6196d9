// SPDX-License-Identifier: Apache-2.0
#include "pipeline/state/lane_statistics.h"

#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

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
  lanes_.clear();
  if (elements_ > 0) start_ = values_.clone();
}

void LaneStatistics::begin_lane() {
  const at::NoGradGuard no_grad;
  if (elements_ > 0) values_.copy_(start_);
}

void LaneStatistics::end_lane() {
  if (elements_ > 0) lanes_.push_back(values_.clone());
}

at::Tensor LaneStatistics::lanes() const {
  if (elements_ == 0) return {};
  return lanes_.empty() ? values_.new_empty({0, elements_}) : at::stack(lanes_);
}

void LaneStatistics::finish_step(const at::Tensor& mean) {
  const at::NoGradGuard no_grad;
  if (elements_ > 0) values_.copy_(mean);
}

}  // namespace larkspur::pipeline
