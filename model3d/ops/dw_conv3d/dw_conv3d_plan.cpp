// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/dw_conv3d/dw_conv3d_plan.h"

#include <algorithm>

namespace larkspur::model3d {
namespace {

// Of the 32 or 48 kB of first-level cache, what rows of x may take; taps and y need the rest.
constexpr std::int64_t kRowBytes = 24 << 10;

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Multiply-adds of one row of outputs with one row of taps, in blocks, padding included.
struct RowCost {
  std::int64_t by_tap = 0;
  std::int64_t by_input = 0;
};

RowCost row_cost(const DwConv3dAxis& w, std::int64_t blocks) {
  RowCost cost;
  std::int64_t first = 0;
  for (std::int64_t i = 0; i < blocks; ++i) {
    const std::int64_t block = w.size / blocks + (i < w.size % blocks ? 1 : 0);
    const std::int64_t last = first + block - 1;
    const std::int64_t left = std::min(w.reach, last / w.rate);
    const std::int64_t right = std::min(w.reach, (w.size - 1 - first) / w.rate);
    const std::int64_t begin = std::max<std::int64_t>(0, first - w.reach);
    const std::int64_t end = std::min(w.size, last + w.reach + 1);
    cost.by_tap += block * (left + right + 1);
    cost.by_input += block * (end - begin);
    first += block;
  }
  return cost;
}

}  // namespace

DwConv3dAxis trim_axis(std::int64_t size, std::int64_t taps, std::int64_t rate) {
  const std::int64_t reach = std::min(taps / 2, (size - 1) / rate);
  return {size, rate, reach, 2 * reach + 1, taps / 2 - reach};
}

DwConv3dPlan plan_correlation(const DwConv3dShape& shape, const DwConv3dRegisters& registers) {
  DwConv3dPlan plan{};
  plan.d = trim_axis(shape.d, shape.kd, shape.rd);
  plan.h = trim_axis(shape.h, shape.kh, shape.rh);
  plan.w = trim_axis(shape.w, shape.kw, shape.rw);
  const std::int64_t blocks = divide_up(plan.w.size, registers.block);
  plan.block = divide_up(plan.w.size, blocks);
  const RowCost cost = row_cost(plan.w, blocks);
  const bool by_input = plan.w.rate == 1 && cost.by_input < cost.by_tap;
  plan.form = by_input ? DwConv3dForm::kByInput : DwConv3dForm::kByTap;
  // Only taps (inputs) that meet a block are walked, so less than a block sticks out on a side.
  plan.x_pad = by_input ? 0 : std::min(plan.w.reach * plan.w.rate, plan.block - 1);
  plan.k_pad = by_input ? plan.block - 1 : 0;
  plan.x_pitch = plan.w.size + 2 * plan.x_pad;
  plan.x_map = plan.d.size * plan.h.size * plan.x_pitch;
  plan.k_pitch = plan.w.taps + 2 * plan.k_pad;
  const std::int64_t row_bytes = plan.x_pitch * registers.lanes * std::int64_t{sizeof(float)};
  plan.samples = 1;
  while (plan.samples < 4 && plan.block * plan.samples * 2 <= registers.sums &&
         plan.samples * 2 <= shape.n && plan.h.size * row_bytes * plan.samples * 2 <= kRowBytes) {
    plan.samples *= 2;
  }
  const std::int64_t rows = std::min(plan.d.taps, plan.d.size) * std::min(plan.h.taps, plan.h.size);
  plan.by_plane = rows * row_bytes * plan.samples > kRowBytes;
  return plan;
}

DwConv3dPlan plan_weight_gradient(const DwConv3dShape& shape, const DwConv3dRegisters& registers) {
  DwConv3dPlan plan{};
  plan.d = trim_axis(shape.d, shape.kd, shape.rd);
  plan.h = trim_axis(shape.h, shape.kh, shape.rh);
  plan.w = trim_axis(shape.w, shape.kw, shape.rw);
  plan.samples = 1;
  // Pairs load an operand for four sums rather than one, which pays for some sums nobody asked for.
  const bool all_pairs =
      plan.w.rate == 1 && plan.w.size <= registers.pairs && 2 * plan.w.size <= 3 * plan.w.taps;
  if (all_pairs) {
    plan.form = DwConv3dForm::kAllPairs;
    plan.block = plan.w.size;
    plan.k_pad = plan.w.size - 1 - plan.w.reach;
  } else {
    plan.form = DwConv3dForm::kByTap;
    plan.block = registers.block;
    plan.x_pad = plan.w.reach * plan.w.rate;
  }
  plan.x_pitch = plan.w.size + 2 * plan.x_pad;
  plan.x_map = plan.d.size * plan.h.size * plan.x_pitch + plan.w.size;
  plan.dy_pitch = plan.w.size;
  plan.k_pitch = plan.w.taps + 2 * plan.k_pad;
  return plan;
}

void widen_rows(DwConv3dPlan& plan, std::int64_t pad) {
  plan.x_pad = pad;
  plan.x_pitch = plan.w.size + 2 * pad;
  plan.x_map = plan.d.size * plan.h.size * plan.x_pitch + plan.w.size;
}

}  // namespace larkspur::model3d
