// SPDX-License-Identifier: Apache-2.0
// float64: plain loops, one thread. For checks of gradients and of float32, where the library's
// path calls itself once a channel and takes a hundred times as long.
#include <algorithm>

#include "model3d/ops/dw_conv3d/dw_conv3d_kernels.h"

namespace larkspur::model3d {
namespace {

/// Output positions [begin, end) along an axis whose input, `shift` further, lies inside the map.
struct Reach {
  std::int64_t shift;
  std::int64_t begin;
  std::int64_t end;
};

Reach reach_of(std::int64_t size, std::int64_t taps, std::int64_t rate, std::int64_t tap) {
  const std::int64_t shift = rate * (tap - taps / 2);
  return {shift, std::max<std::int64_t>(0, -shift), std::min(size, size - shift)};
}

/// visit(tap, output row, input row, positions) for every row of a map [d, h, w] that a tap
/// connects; taps ascending.
template <typename Visit>
void for_rows(const DwConv3dShape& s, const Visit& visit) {
  for (std::int64_t tap = 0; tap < s.kd * s.kh * s.kw; ++tap) {
    const Reach d = reach_of(s.d, s.kd, s.rd, tap / (s.kh * s.kw));
    const Reach h = reach_of(s.h, s.kh, s.rh, tap / s.kw % s.kh);
    const Reach w = reach_of(s.w, s.kw, s.rw, tap % s.kw);
    if (w.begin >= w.end) continue;
    for (std::int64_t i = d.begin; i < d.end; ++i) {
      for (std::int64_t j = h.begin; j < h.end; ++j) {
        visit(tap,
              (i * s.h + j) * s.w + w.begin,
              ((i + d.shift) * s.h + j + h.shift) * s.w + w.begin + w.shift,
              w.end - w.begin);
      }
    }
  }
}

/// visit(channel, where its map begins) for every map.
template <typename Visit>
void for_maps(const DwConv3dShape& s, const Visit& visit) {
  for (std::int64_t map = 0; map < s.n * s.c; ++map) visit(map % s.c, map * s.d * s.h * s.w);
}

std::int64_t taps_of(const DwConv3dShape& s) { return s.kd * s.kh * s.kw; }

std::int64_t values_of(const DwConv3dShape& s) { return s.n * s.c * s.d * s.h * s.w; }

}  // namespace

void dw_conv3d_forward_cpu(double* y, const double* x, const double* k, const DwConv3dShape& s) {
  std::fill_n(y, values_of(s), 0.0);
  for_maps(s, [&](std::int64_t c, std::int64_t map) {
    for_rows(s, [&](std::int64_t tap, std::int64_t out, std::int64_t in, std::int64_t count) {
      const double weight = k[c * taps_of(s) + tap];
      for (std::int64_t i = 0; i < count; ++i) y[map + out + i] += weight * x[map + in + i];
    });
  });
}

void dw_conv3d_input_gradient_cpu(double* dx,
                                  const double* dy,
                                  const double* k,
                                  const DwConv3dShape& s) {
  std::fill_n(dx, values_of(s), 0.0);
  for_maps(s, [&](std::int64_t c, std::int64_t map) {
    for_rows(s, [&](std::int64_t tap, std::int64_t out, std::int64_t in, std::int64_t count) {
      const double weight = k[c * taps_of(s) + tap];
      for (std::int64_t i = 0; i < count; ++i) dx[map + in + i] += weight * dy[map + out + i];
    });
  });
}

void dw_conv3d_weight_gradient_cpu(double* dk,
                                   const double* x,
                                   const double* dy,
                                   const DwConv3dShape& s) {
  std::fill_n(dk, s.c * taps_of(s), 0.0);
  for_maps(s, [&](std::int64_t c, std::int64_t map) {
    for_rows(s, [&](std::int64_t tap, std::int64_t out, std::int64_t in, std::int64_t count) {
      double sum = 0.0;
      for (std::int64_t i = 0; i < count; ++i) sum += dy[map + out + i] * x[map + in + i];
      dk[c * taps_of(s) + tap] += sum;
    });
  });
}

}  // namespace larkspur::model3d
