// SPDX-License-Identifier: Apache-2.0
// The forward pass (and, with the kernel reversed, the input gradient) of packed maps.
//
// A tile is B neighbouring outputs of a row in each of R samples; their sums stay in registers
// while all rows of taps that meet them pass by, one tap or one input at a time:
//
//   by tap     sum[r][o] += k[j] * x[r][w + o + rate * (j - reach)]      for each j
//   by input   sum[r][o] += x[r][t] * k[t - (w + o) + reach]             for each t
#pragma once

#include "model3d/ops/dw_conv3d_spans.h"
#include "model3d/ops/dw_conv3d_vectors.h"

namespace larkspur::model3d {
namespace {

/// Registers of a set: AVX-512 has 32, of which operands and the tap take some; others have 16.
constexpr DwConv3dRegisters registers_of(int lanes) {
  return lanes == 16 ? DwConv3dRegisters{16, 16, 16, 8} : DwConv3dRegisters{lanes, 10, 10, 5};
}

/// The outputs (d, h, w ...) and the planes of taps to add. `fresh` starts from zero, else from y.
struct TilePlace {
  std::int64_t d, h, w;
  Span d_taps;
  bool fresh;
};

template <int V, int B, int R>
[[gnu::always_inline]] inline void add_by_input(
    Vec<V> (&sum)[R][B], const float* x, std::int64_t x_map, const float* k, const Span& inputs) {
  for (std::int64_t t = inputs.first; t < inputs.last; ++t) {
#pragma GCC unroll 16
    for (int o = 0; o < B; ++o) {
      const Vec<V> tap = load<V>(k + (t - o) * V);
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) sum[r][o] += load<V>(x + r * x_map + t * V) * tap;
    }
  }
}

template <int V, int B, int R>
[[gnu::always_inline]] inline void add_by_tap(Vec<V> (&sum)[R][B],
                                              const float* x,
                                              std::int64_t x_map,
                                              const float* k,
                                              const Span& taps,
                                              std::int64_t rate) {
  for (std::int64_t j = taps.first; j < taps.last; ++j) {
    const Vec<V> tap = load<V>(k + j * V);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
      for (int o = 0; o < B; ++o) {
        sum[r][o] += load<V>(x + r * x_map + (j * rate + o) * V) * tap;
      }
    }
  }
}

template <int V, int B, int R>
[[gnu::always_inline]] inline void load_sums(Vec<V> (&sum)[R][B],
                                             const float* y,
                                             std::int64_t y_map) {
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int o = 0; o < B; ++o) sum[r][o] = load<V>(y + r * y_map + o * V);
  }
}

template <int V, int B, int R>
[[gnu::always_inline]] inline void store_sums(float* y,
                                              std::int64_t y_map,
                                              const Vec<V> (&sum)[R][B]) {
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int o = 0; o < B; ++o) store<V>(y + r * y_map + o * V, sum[r][o]);
  }
}

template <int V, int B, int R>
void correlate_tile(
    float* y, const float* x, const float* k, const DwConv3dPlan& plan, const TilePlace& at) {
  const DwConv3dAxis& axis = plan.w;
  const bool by_input = plan.form == DwConv3dForm::kByInput;
  const Span span =
      by_input ? Span{larger(0, at.w - axis.reach), smaller(axis.size, at.w + B + axis.reach)}
               : taps_from(axis, at.w, at.w + B - 1);
  const std::int64_t x_begin = by_input ? 0 : plan.x_pad + at.w + offset_of(axis, 0);
  const std::int64_t k_begin = by_input ? plan.k_pad + axis.reach - at.w : 0;
  const std::int64_t x_map = plan.d.size * plan.h.size * plan.x_pitch * V;
  const std::int64_t y_map = plan.d.size * plan.h.size * axis.size * V;
  float* ys = y + ((at.d * plan.h.size + at.h) * axis.size + at.w) * V;
  const Span h_taps = taps_from(plan.h, at.h, at.h);
  Vec<V> sum[R][B] = {};
  if (!at.fresh) load_sums<V, B, R>(sum, ys, y_map);
  for (std::int64_t jd = at.d_taps.first; jd < at.d_taps.last; ++jd) {
    const std::int64_t x_plane = (at.d + offset_of(plan.d, jd)) * plan.h.size;
    for (std::int64_t jh = h_taps.first; jh < h_taps.last; ++jh) {
      const std::int64_t x_row = x_plane + at.h + offset_of(plan.h, jh);
      const float* xs = x + (x_row * plan.x_pitch + x_begin) * V;
      const float* ks = k + ((jd * plan.h.taps + jh) * plan.k_pitch + k_begin) * V;
      if (by_input) {
        add_by_input<V, B, R>(sum, xs, x_map, ks, span);
      } else {
        add_by_tap<V, B, R>(sum, xs, x_map, ks, span, axis.rate);
      }
    }
  }
  store_sums<V, B, R>(ys, y_map, sum);
}

using CorrelateTile =
    void (*)(float*, const float*, const float*, const DwConv3dPlan&, const TilePlace&);

template <int V, int B, int R>
constexpr CorrelateTile correlate_tile_of() {
  if constexpr (B * R <= registers_of(V).sums) return &correlate_tile<V, B, R>;
  return nullptr;
}

template <int V, int... Less>
inline CorrelateTile choose_tile(std::int64_t block,
                                 std::int64_t samples,
                                 std::integer_sequence<int, Less...> /*blocks*/) {
  static constexpr CorrelateTile kTiles[3][sizeof...(Less)] = {
      {correlate_tile_of<V, Less + 1, 1>()...},
      {correlate_tile_of<V, Less + 1, 2>()...},
      {correlate_tile_of<V, Less + 1, 4>()...}};
  return kTiles[samples / 2][block - 1];
}

/// All outputs of plane at.d, block by block down the plane.
template <int V>
void correlate_plane(float* y,
                     const float* x,
                     const float* k,
                     const DwConv3dPlan& plan,
                     std::int64_t samples,
                     TilePlace at) {
  constexpr auto kBlocks = std::make_integer_sequence<int, registers_of(V).block>{};
  const std::int64_t blocks = (plan.w.size + plan.block - 1) / plan.block;
  const std::int64_t longer = plan.w.size - (plan.block - 1) * blocks;
  at.w = 0;
  for (std::int64_t i = 0; i < blocks; ++i) {
    const std::int64_t block = plan.block - (i < longer ? 0 : 1);
    const CorrelateTile tile = choose_tile<V>(block, samples, kBlocks);
    for (at.h = 0; at.h < plan.h.size; ++at.h) tile(y, x, k, plan, at);
    at.w += block;
  }
}

template <int V>
void correlate(
    float* y, const float* x, const float* k, const DwConv3dPlan& plan, std::int64_t samples) {
  for (std::int64_t d = 0; d < plan.d.size; ++d) {
    const Span taps = taps_from(plan.d, d, d);
    const std::int64_t step = plan.by_plane ? 1 : taps.last - taps.first;
    for (std::int64_t jd = taps.first; jd < taps.last; jd += step) {
      const bool fresh = jd == taps.first;
      correlate_plane<V>(y, x, k, plan, samples, {d, 0, 0, {jd, jd + step}, fresh});
    }
  }
}

}  // namespace
}  // namespace larkspur::model3d
