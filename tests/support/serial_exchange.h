// SPDX-License-Identifier: Apache-2.0
// The exchange of a job of one rank in its plainest form: lanes added left to right.
#pragma once

#include <ATen/core/Tensor.h>

#include "pipeline/gradient_exchange.h"
#include "pipeline/state/flat_parameters.h"

namespace larkspur::testing {

class SerialExchange : public pipeline::GradientExchange {
 public:
  explicit SerialExchange(pipeline::FlatParameters& flat) : flat_(flat) {}

  void lane_done(int, int bucket) override {
    if (!sum_.defined()) sum_ = flat_.gradients().clone().zero_();
    const pipeline::ElementRange range = flat_.layout().bucket(bucket);
    sum_.narrow(0, range.begin, range.size())
        .add_(flat_.gradients().narrow(0, range.begin, range.size()));
  }
  at::Tensor reduce() override {
    at::Tensor sum = sum_;
    sum_ = at::Tensor();
    return sum;
  }
  at::Tensor mean_of_rows(const at::Tensor& mine, const std::vector<int>& /*rows*/) override {
    return mine.to(at::kDouble).mean(0).to(at::kFloat);
  }
  void gather() override {}
  void wait(int) override {}

 private:
  pipeline::FlatParameters& flat_;
  at::Tensor sum_;
};

}  // namespace larkspur::testing
