// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/lane_readings.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>

#include "pipeline/placement.h"

namespace larkspur::pipeline {
namespace {

at::Tensor bytes_of(const at::Tensor& tensor) { return tensor.reshape({-1}).view(at::kByte); }

}  // namespace

void LaneReadings::add(const at::Tensor& sum, std::int64_t nominal, const at::Tensor& correct) {
  sums_.push_back(sum.detach());
  correct_.push_back(correct);
  nominals_.push_back(nominal);
}

void LaneReadings::add_nothing() {
  sums_.emplace_back();
  correct_.emplace_back();
  nominals_.push_back(1);
}

at::Tensor LaneReadings::read_into(StepStats& facts,
                                   const at::Tensor& more,
                                   PhaseBoard* board) const {
  const PhaseScope phase(board, RunPhase::kReduce);
  std::vector<at::Tensor> parts{bytes_of(more)};
  for (const std::vector<at::Tensor>* scalars : {&sums_, &correct_}) {
    std::vector<at::Tensor> there;
    std::copy_if(
        scalars->begin(), scalars->end(), std::back_inserter(there), [](const at::Tensor& scalar) {
          return scalar.defined();
        });
    if (!there.empty()) parts.push_back(bytes_of(at::stack(there).to(at::kDouble)));
  }
  const at::Tensor all = to_host(at::cat(parts));
  const char* next = static_cast<const char*>(all.const_data_ptr()) + more.nbytes();
  const auto take = [&next] {
    double value = 0.0;
    std::memcpy(&value, next, sizeof(value));
    next += sizeof(value);
    return value;
  };
  for (std::size_t lane = 0; lane < sums_.size(); ++lane) {
    const double sum = sums_[lane].defined() ? take() : 0.0;
    facts.loss.push_back(sum / static_cast<double>(nominals_[lane]));
  }
  for (const at::Tensor& correct : correct_) {
    if (correct.defined()) facts.correct += static_cast<std::int64_t>(take());
  }
  return all.narrow(0, 0, static_cast<std::int64_t>(more.nbytes())).view(at::kDouble);
}

}  // namespace larkspur::pipeline
