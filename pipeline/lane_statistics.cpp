// SPDX-License-Identifier: Apache-2.0
#include "pipeline/lane_statistics.h"

#include <cstring>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

void copy_from(const Statistic& statistic, const float* values) {
  const at::NoGradGuard no_grad;
  auto* bytes = const_cast<float*>(values);  // from_blob takes no const; it is only read
  statistic.tensor.copy_(at::from_blob(bytes, statistic.tensor.sizes(), at::kFloat));
}

}  // namespace

LaneStatistics::LaneStatistics(std::vector<Statistic> statistics)
    : statistics_(std::move(statistics)) {
  for (const Statistic& statistic : statistics_) elements_ += statistic.tensor.numel();
}

void LaneStatistics::begin_step() {
  start_.clear();
  end_lane(start_);
}

void LaneStatistics::begin_lane() {
  const auto* values = reinterpret_cast<const float*>(start_.data());
  for (const Statistic& statistic : statistics_) {
    copy_from(statistic, values);
    values += statistic.tensor.numel();
  }
}

void LaneStatistics::end_lane(std::string& bytes) const {
  for (const Statistic& statistic : statistics_) {
    const at::Tensor values = statistic.tensor.cpu().contiguous();
    bytes.append(reinterpret_cast<const char*>(values.data_ptr<float>()), values.nbytes());
  }
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
  const float* values = means.data();
  for (const Statistic& statistic : statistics_) {
    copy_from(statistic, values);
    values += statistic.tensor.numel();
  }
}

}  // namespace larkspur::pipeline
