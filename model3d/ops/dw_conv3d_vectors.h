// SPDX-License-Identifier: Apache-2.0
// Vectors of V floats, and maps packed into them: included once by each instruction set's source.
//
// Everything here has internal linkage and calls nothing of the standard library: an inline
// function that two instruction sets share would be linked from either of them.
//
//   channels first:  c0 | p0 p1 p2 ...        packed:  p0 | c0 c1 c2 ...
//                    c1 | p0 p1 p2 ...   -->           p1 | c0 c1 c2 ...
#pragma once

#include <utility>

#include "model3d/ops/dw_conv3d_lanes.h"

namespace larkspur::model3d {
namespace {

template <int V>
struct Vector {
  typedef float Type __attribute__((vector_size(V * sizeof(float))));
};

template <int V>
using Vec = typename Vector<V>::Type;

template <int V>
[[gnu::always_inline]] inline Vec<V> load(const float* from) {
  Vec<V> value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

template <int V>
[[gnu::always_inline]] inline void store(float* to, const Vec<V>& value) {
  __builtin_memcpy(to, &value, sizeof value);
}

/// Swaps the off-diagonal halves of every 2S x 2S square of two rows that are S apart.
template <int V, int S, int... Lane>
[[gnu::always_inline]] inline void swap_halves(Vec<V>& upper,
                                               Vec<V>& lower,
                                               std::integer_sequence<int, Lane...> /*lanes*/) {
  const Vec<V> a = upper;
  const Vec<V> b = lower;
  upper = __builtin_shufflevector(a, b, ((Lane & S) ? V + Lane - S : Lane)...);
  lower = __builtin_shufflevector(a, b, ((Lane & S) ? V + Lane : Lane + S)...);
}

/// rows[i][l] becomes rows[l][i], by halves, quarters, ... of the square.
template <int V, int S = V / 2>
[[gnu::always_inline]] inline void transpose(Vec<V> (&rows)[V]) {
#pragma GCC unroll 16
  for (int i = 0; i < V; ++i) {
    if ((i & S) == 0) {
      swap_halves<V, S>(rows[i], rows[i + S], std::make_integer_sequence<int, V>{});
    }
  }
  if constexpr (S > 1) transpose<V, S / 2>(rows);
}

/// Calls tile(p) so that [p, p + V) covers all positions; the last overlaps the one before.
/// Returns false, without a call, when there are fewer positions than that.
template <int V, typename Tile>
[[gnu::always_inline]] inline bool for_tiles(std::int64_t positions, const Tile& tile) {
  if (positions < V) return false;
  std::int64_t p = 0;
  for (; p + V <= positions; p += V) tile(p);
  if (p < positions) tile(positions - V);
  return true;
}

/// Copies the first `count` floats, 0 <= count < 2S, by halves: no size is left to run time.
template <int S>
[[gnu::always_inline]] inline void copy_floats(float* to, const float* from, std::int64_t count) {
  if ((count & S) != 0) {
    __builtin_memcpy(to, from, S * sizeof(float));
    to += S;
    from += S;
  }
  if constexpr (S > 1) copy_floats<S / 2>(to, from, count);
}

template <int V>
void pack_map(float* packed, const float* map, const std::int64_t* at, const DwConv3dView& view) {
  const auto tile = [&](std::int64_t p) {
    Vec<V> rows[V];
#pragma GCC unroll 16
    for (int c = 0; c < V; ++c) {
      rows[c] = c < view.channels ? load<V>(map + c * view.channel_stride + p) : Vec<V>{};
    }
    transpose<V>(rows);
#pragma GCC unroll 16
    for (int i = 0; i < V; ++i) store<V>(packed + at[p + i] * V, rows[i]);
  };
  if (view.position_stride == 1 && for_tiles<V>(view.positions, tile)) return;
  for (std::int64_t p = 0; p < view.positions; ++p) {
    const float* from = map + p * view.position_stride;
    float* to = packed + at[p] * V;
    store<V>(to, Vec<V>{});
    if (view.channel_stride == 1) {
      copy_floats<V>(to, from, view.channels);
    } else {
      for (int c = 0; c < view.channels; ++c) to[c] = from[c * view.channel_stride];
    }
  }
}

template <int V>
void unpack_map(float* map, const float* packed, const DwConv3dView& view) {
  const auto tile = [&](std::int64_t p) {
    Vec<V> rows[V];
#pragma GCC unroll 16
    for (int i = 0; i < V; ++i) rows[i] = load<V>(packed + (p + i) * V);
    transpose<V>(rows);
#pragma GCC unroll 16
    for (int c = 0; c < V; ++c) {
      if (c < view.channels) store<V>(map + c * view.channel_stride + p, rows[c]);
    }
  };
  if (view.position_stride == 1 && for_tiles<V>(view.positions, tile)) return;
  for (std::int64_t p = 0; p < view.positions; ++p) {
    const float* from = packed + p * V;
    float* to = map + p * view.position_stride;
    if (view.channel_stride == 1) {
      copy_floats<V>(to, from, view.channels);
    } else {
      for (int c = 0; c < view.channels; ++c) to[c * view.channel_stride] = from[c];
    }
  }
}

}  // namespace
}  // namespace larkspur::model3d
