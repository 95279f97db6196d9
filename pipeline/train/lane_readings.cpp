// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/lane_readings.h"

#include <cstring>

#include <ATen/ops/cat.h>

#include "pipeline/placement.h"

namespace larkspur::pipeline {
namespace {

at::Tensor bytes_of(const at::Tensor& tensor) { return tensor.reshape({-1}).view(at::kByte); }

}  // namespace

void LaneReadings::add(const at::Tensor& loss, const at::Tensor& correct) {
  losses_.push_back(loss.detach());
  correct_.push_back(correct);
}

void LaneReadings::add_nothing() {
  losses_.emplace_back();
  correct_.emplace_back();
}

void LaneReadings::read_into(StepStats& facts) const {
  std::vector<at::Tensor> parts;
  for (std::size_t lane = 0; lane < losses_.size(); ++lane) {
    if (!losses_[lane].defined()) continue;
    parts.push_back(bytes_of(losses_[lane].to(at::kDouble)));
    parts.push_back(bytes_of(correct_[lane].to(at::kDouble)));
  }
  const at::Tensor all = parts.empty() ? at::Tensor() : to_host(at::cat(parts));
  const char* next = parts.empty() ? nullptr : static_cast<const char*>(all.const_data_ptr());
  const auto take = [&next] {
    double value = 0.0;
    std::memcpy(&value, next, sizeof(value));
    next += sizeof(value);
    return value;
  };
  for (const at::Tensor& loss : losses_) {
    facts.loss.push_back(loss.defined() ? take() : 0.0);
    if (loss.defined()) facts.correct += static_cast<std::int64_t>(take());
  }
}

}  // namespace larkspur::pipeline
