// SPDX-License-Identifier: Apache-2.0
#include "model3d/ops/dw_conv3d/dw_conv3d_plan.h"

#include <algorithm>

namespace larkspur::model3d {
namespace {

// Of the 32 or 48 kB of first-level cache, what rows of x may take; taps and y need the rest.
constexpr std::int64_t kRowBytes = 24 << 10;

// A held row of taps has a running sum each; fewer leave units idle, which short rows hide.
constexpr std::int64_t kEnoughSums = 5;
constexpr std::int64_t kShortRow = 8;

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

// The row of kDwConv3dRows to hold where `rows` of it and a block stay in registers beside one
// input; else 0. Blocks of at least what the row spans on a side see either all inputs there or
// none: two branches a row of taps are enough.
std::int64_t row_to_hold(const DwConv3dAxis& w,
                         std::int64_t rows,
                         std::int64_t block,
                         std::int64_t shortest,
                         const DwConv3dRegisters& registers) {
  if (shortest < w.reach * w.rate || block + rows * w.taps + 1 >= registers.all) return 0;
  for (int i = 1; i < kDwConv3dRowKinds; ++i) {
    if (kDwConv3dRows[i].reach == w.reach && kDwConv3dRows[i].rate == w.rate) return i;
  }
  return 0;
}

// The longest block that divides a row and is a register's worth or the whole of it; else 0.
std::int64_t dividing_block(std::int64_t size, std::int64_t most) {
  for (std::int64_t block = std::min(size, most); block > 0; --block) {
    if (size % block == 0) return block == size || 2 * block > most ? block : 0;
  }
  return 0;
}

// Samples whose sums, beside a held row of taps and an input each, fit; and whose rows do.
std::int64_t samples_together(const DwConv3dPlan& plan,
                              const DwConv3dRegisters& registers,
                              std::int64_t n,
                              std::int64_t row_bytes) {
  const std::int64_t held = plan.form == DwConv3dForm::kHeld ? plan.w.taps : 0;
  const auto fit = [&](std::int64_t samples) {
    return plan.block * samples <= registers.sums &&
           (plan.block + 1) * samples + held < registers.all && samples <= n &&
           plan.h.size * row_bytes * samples <= kRowBytes;
  };
  return fit(4) ? 4 : fit(2) ? 2 : 1;
}

DwConv3dWay way_of(const DwConv3dPlan& plan, DwConv3dLayout layout, std::int64_t lanes) {
  const auto dense_three = [](const DwConv3dAxis& axis) {
    return axis.taps == 3 && axis.rate == 1;
  };
  if (plan.h.taps == 1 && plan.w.taps == 1) return DwConv3dWay::kDepth;
  const bool rows = layout == DwConv3dLayout::kChannelsFirst && plan.w.size >= lanes;
  return rows && dense_three(plan.h) && dense_three(plan.w) ? DwConv3dWay::kRows
                                                            : DwConv3dWay::kPacked;
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
  plan.way = way_of(plan, shape.layout, registers.lanes);
  const std::int64_t blocks = divide_up(plan.w.size, registers.block);
  plan.block = divide_up(plan.w.size, blocks);
  const RowCost cost = row_cost(plan.w, blocks);
  const bool by_input = plan.w.rate == 1 && cost.by_input < cost.by_tap;
  plan.row = row_to_hold(plan.w, 1, plan.block, plan.w.size / blocks, registers);
  plan.form = plan.row > 0 ? DwConv3dForm::kHeld
              : by_input   ? DwConv3dForm::kByInput
                           : DwConv3dForm::kByTap;
  // Only taps (inputs) that meet a block are walked, so less than a block sticks out on a side.
  if (plan.form == DwConv3dForm::kByTap) {
    plan.x_pad = std::min(plan.w.reach * plan.w.rate, plan.block - 1);
  }
  if (plan.form == DwConv3dForm::kByInput) plan.k_pad = plan.block - 1;
  plan.x_pitch = plan.w.size + 2 * plan.x_pad;
  plan.x_map = plan.d.size * plan.h.size * plan.x_pitch;
  plan.k_pitch = plan.w.taps + 2 * plan.k_pad;
  const std::int64_t row_bytes = plan.x_pitch * registers.lanes * std::int64_t{sizeof(float)};
  plan.samples = samples_together(plan, registers, shape.n, row_bytes);
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
  const std::int64_t block = dividing_block(plan.w.size, registers.block);
  const bool enough_sums = plan.w.taps >= kEnoughSums || plan.w.size <= kShortRow;
  plan.tap_rows = plan.w.taps == 3 && plan.h.taps == 3 ? 3 : 1;
  plan.row = row_to_hold(plan.w, plan.tap_rows, block, block, registers);
  if (plan.row == 0 && enough_sums) {
    plan.tap_rows = 1;
    plan.row = row_to_hold(plan.w, 1, block, block, registers);
  }
  if (plan.row > 0 && (enough_sums || plan.tap_rows > 1)) {
    plan.form = DwConv3dForm::kHeld;
    plan.block = block;
  } else {
    plan.form = DwConv3dForm::kByTap;
    plan.row = 0;
    plan.block = registers.block;
    plan.x_pad = plan.w.reach * plan.w.rate;
  }
  plan.x_pitch = plan.w.size + 2 * plan.x_pad;
  plan.x_map = plan.d.size * plan.h.size * plan.x_pitch + plan.w.size;
  plan.dy_pitch = plan.w.size;
  plan.k_pitch = plan.w.taps;
  plan.by_plane = 2 * plan.x_map * registers.lanes * std::int64_t{sizeof(float)} > kRowBytes;
  return plan;
}

void widen_rows(DwConv3dPlan& plan, std::int64_t pad) {
  plan.x_pad = pad;
  plan.x_pitch = plan.w.size + 2 * pad;
  plan.x_map = plan.d.size * plan.h.size * plan.x_pitch + plan.w.size;
}

}  // namespace larkspur::model3d
