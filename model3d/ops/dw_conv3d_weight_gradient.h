// SPDX-License-Identifier: Apache-2.0
// The weight gradient of one sample's packed maps, added to what samples before it gave.
//
//   by tap      a tile is up to 9 taps of a plane of the kernel; all positions of a plane pass by
//   all pairs   a tile is a row of 2W - 1 taps; each pair of positions of two rows of W passes by
#pragma once

#include "model3d/ops/dw_conv3d_correlate.h"

namespace larkspur::model3d {
namespace {

constexpr int kMostTaps = 9;  // 3 x 3: a plane of the commonest kernel is one tile

/// Adds plane d of dy times plane d + offset of x to J taps from `first` on, counted through the
/// plane of taps dk. A tap whose row of x lies outside reads `zeros`.
template <int V, int J>
void add_tap_tile(float* dk,
                  const float* x,
                  const float* dy,
                  const float* zeros,
                  const DwConv3dPlan& plan,
                  std::int64_t first) {
  Vec<V> sum[J];
  std::int64_t h_offset[J];
  std::int64_t w_offset[J];
#pragma GCC unroll 16
  for (int j = 0; j < J; ++j) {
    sum[j] = load<V>(dk + (first + j) * V);
    h_offset[j] = offset_of(plan.h, (first + j) / plan.w.taps);
    w_offset[j] = plan.x_pad + offset_of(plan.w, (first + j) % plan.w.taps);
  }
  const Span rows = {positions_for(plan.h, h_offset[J - 1]).first,
                     positions_for(plan.h, h_offset[0]).last};
  for (std::int64_t h = rows.first; h < rows.last; ++h) {
    const float* from[J];
#pragma GCC unroll 16
    for (int j = 0; j < J; ++j) {
      const std::int64_t row = h + h_offset[j];
      const bool inside = row >= 0 && row < plan.h.size;
      from[j] = inside ? x + (row * plan.x_pitch + w_offset[j]) * V : zeros;
    }
    const float* g = dy + h * plan.w.size * V;
    for (std::int64_t w = 0; w < plan.w.size * V; w += V) {
      const Vec<V> gradient = load<V>(g + w);
#pragma GCC unroll 16
      for (int j = 0; j < J; ++j) sum[j] += gradient * load<V>(from[j] + w);
    }
  }
#pragma GCC unroll 16
  for (int j = 0; j < J; ++j) store<V>(dk + (first + j) * V, sum[j]);
}

template <int V, int... Less>
inline auto choose_tap_tile(std::int64_t taps, std::integer_sequence<int, Less...> /*taps*/) {
  static constexpr decltype(&add_tap_tile<V, 1>) kTiles[] = {&add_tap_tile<V, Less + 1>...};
  return kTiles[taps - 1];
}

template <int V>
void add_by_tap_tiles(float* dk, const float* x, const float* dy, const DwConv3dPlan& plan) {
  const std::int64_t x_plane = plan.h.size * plan.x_pitch * V;
  const std::int64_t dy_plane = plan.h.size * plan.w.size * V;
  const float* zeros = x + plan.d.size * x_plane;
  const std::int64_t taps = plan.h.taps * plan.w.taps;
  const std::int64_t tiles = (taps + kMostTaps - 1) / kMostTaps;
  for (std::int64_t d = 0; d < plan.d.size; ++d) {
    const Span d_taps = taps_from(plan.d, d, d);
    for (std::int64_t jd = d_taps.first; jd < d_taps.last; ++jd) {
      const float* xs = x + (d + offset_of(plan.d, jd)) * x_plane;
      float* dks = dk + jd * taps * V;
      std::int64_t first = 0;
      for (std::int64_t i = 0; i < tiles; ++i) {
        const std::int64_t count = taps / tiles + (i < taps % tiles ? 1 : 0);
        choose_tap_tile<V>(count, std::make_integer_sequence<int, kMostTaps>{})(
            dks, xs, dy + d * dy_plane, zeros, plan, first);
        first += count;
      }
    }
  }
}

/// Rows of W positions and the row of taps (jd, jh) of dk, which has 2W - 1 of them.
template <int V, int W>
void add_pairs(float* dk,
               const float* x,
               const float* dy,
               const DwConv3dPlan& plan,
               std::int64_t jd,
               std::int64_t jh) {
  const std::int64_t d_offset = offset_of(plan.d, jd);
  const std::int64_t h_offset = offset_of(plan.h, jh);
  const Span planes = positions_for(plan.d, d_offset);
  const Span rows = positions_for(plan.h, h_offset);
  Vec<V> sum[2 * W - 1];
#pragma GCC unroll 16
  for (int j = 0; j < 2 * W - 1; ++j) sum[j] = load<V>(dk + j * V);
  for (std::int64_t d = planes.first; d < planes.last; ++d) {
    for (std::int64_t h = rows.first; h < rows.last; ++h) {
      const float* g = dy + (d * plan.h.size + h) * W * V;
      const float* xs = x + ((d + d_offset) * plan.h.size + h + h_offset) * W * V;
      Vec<V> row[W];
#pragma GCC unroll 16
      for (int t = 0; t < W; ++t) row[t] = load<V>(xs + t * V);
#pragma GCC unroll 16
      for (int o = 0; o < W; ++o) {
        const Vec<V> gradient = load<V>(g + o * V);
#pragma GCC unroll 16
        for (int t = 0; t < W; ++t) sum[t - o + W - 1] += gradient * row[t];
      }
    }
  }
#pragma GCC unroll 16
  for (int j = 0; j < 2 * W - 1; ++j) store<V>(dk + j * V, sum[j]);
}

template <int V, int... Less>
inline auto choose_pairs(std::int64_t size, std::integer_sequence<int, Less...> /*sizes*/) {
  static constexpr decltype(&add_pairs<V, 1>) kTiles[] = {&add_pairs<V, Less + 1>...};
  return kTiles[size - 1];
}

template <int V>
void add_weight_gradient(float* dk, const float* x, const float* dy, const DwConv3dPlan& plan) {
  if (plan.form == DwConv3dForm::kByTap) {
    add_by_tap_tiles<V>(dk, x, dy, plan);
    return;
  }
  constexpr auto kSizes = std::make_integer_sequence<int, registers_of(V).pairs>{};
  for (std::int64_t jd = 0; jd < plan.d.taps; ++jd) {
    for (std::int64_t jh = 0; jh < plan.h.taps; ++jh) {
      float* dks = dk + (jd * plan.h.taps + jh) * plan.k_pitch * V;
      choose_pairs<V>(plan.w.size, kSizes)(dks, x, dy, plan, jd, jh);
    }
  }
}

template <int V>
constexpr DwConv3dLanes make_lanes(const char* name) {
  return {name,
          V,
          registers_of(V),
          &pack_map<V>,
          &unpack_map<V>,
          &correlate<V>,
          &add_weight_gradient<V>};
}

}  // namespace
}  // namespace larkspur::model3d
