// SPDX-License-Identifier: Apache-2.0
#include "pipeline/state/weight_average.h"

#include <algorithm>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/zeros.h>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

// A part of this many elements stays in cache from one pass to the next.
constexpr std::int64_t kBlock = 1 << 15;

// Products and sum rounded one by one, never fused: the same bits in vectors and in their tails.
void move_towards(const at::Tensor& average, const at::Tensor& value, double decay) {
  const std::int64_t block = average.is_cuda() ? average.numel() : kBlock;
  for (std::int64_t first = 0; first < average.numel(); first += block) {
    const std::int64_t count = std::min(block, average.numel() - first);
    average.narrow(0, first, count)
        .mul_(decay)
        .add_(at::mul(value.narrow(0, first, count), 1.0 - decay));
  }
}

}  // namespace

WeightAverage::WeightAverage(double decay,
                             std::vector<ElementRange> owned,
                             std::int64_t statistics,
                             at::Device device)
    : decay_(decay), owned_(std::move(owned)) {
  require(decay >= 0 && decay < 1,
          Errc::kInvalidArgument,
          "average_decay is ",
          decay,
          ", not in [0, 1)");
  std::int64_t elements = 0;
  for (const ElementRange& range : owned_) elements += range.size();
  weights_ = at::zeros({is_kept() ? elements : 0}, device);
  statistics_ = at::zeros({is_kept() ? statistics : 0}, device);
}

void WeightAverage::add(const at::Tensor& values,
                        const at::Tensor& statistics,
                        std::int64_t update) {
  if (!is_kept()) return;
  const at::NoGradGuard no_grad;
  const auto count = static_cast<double>(update);
  const double decay = std::min(decay_, (count - 1) / (count + 8));
  std::int64_t packed = 0;
  for (const ElementRange& range : owned_) {
    move_towards(weights_.narrow(0, packed, range.size()),
                 values.narrow(0, range.begin, range.size()),
                 decay);
    packed += range.size();
  }
  if (statistics.defined()) move_towards(statistics_, statistics, decay);
}

}  // namespace larkspur::pipeline
