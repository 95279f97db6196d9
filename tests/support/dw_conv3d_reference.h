// SPDX-License-Identifier: Apache-2.0
// The specification of depthwise N-D convolution: seven plain loops in float64, no blocking, no
// packing, nothing shared with the code under test.
#pragma once

#include <array>
#include <cstdint>

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

namespace larkspur::testing {

/// float64 results of one convolution and its two gradients.
struct DwConv3dReference {
  at::Tensor y;   ///< [N, C, D, H, W]
  at::Tensor dx;  ///< [N, C, D, H, W]
  at::Tensor dk;  ///< [C, 1, KD, KH, KW]
};

/// x [N,C,D,H,W], k [C,1,KD,KH,KW] and dy like x, float64 contiguous. Every (output, tap) pair
/// whose input lies inside the map gives one product to y, dx and dk.
inline DwConv3dReference dw_conv3d_reference(const at::Tensor& x_NCDHW,
                                             const at::Tensor& k_C1KKK,
                                             const at::Tensor& dy_NCDHW,
                                             const std::array<std::int64_t, 3>& rate) {
  DwConv3dReference result{at::zeros(x_NCDHW.sizes(), at::kDouble),
                           at::zeros(x_NCDHW.sizes(), at::kDouble),
                           at::zeros(k_C1KKK.sizes(), at::kDouble)};
  const auto x = x_NCDHW.accessor<double, 5>();
  const auto k = k_C1KKK.accessor<double, 5>();
  const auto dy = dy_NCDHW.accessor<double, 5>();
  auto y = result.y.accessor<double, 5>();
  auto dx = result.dx.accessor<double, 5>();
  auto dk = result.dk.accessor<double, 5>();
  const auto add = [&](std::int64_t n, std::int64_t c, std::array<std::int64_t, 3> p) {
    for (std::int64_t a = 0; a < k.size(2); ++a) {
      for (std::int64_t b = 0; b < k.size(3); ++b) {
        for (std::int64_t j = 0; j < k.size(4); ++j) {
          const std::int64_t d = p[0] + rate[0] * (a - k.size(2) / 2);
          const std::int64_t h = p[1] + rate[1] * (b - k.size(3) / 2);
          const std::int64_t w = p[2] + rate[2] * (j - k.size(4) / 2);
          if (d < 0 || d >= x.size(2) || h < 0 || h >= x.size(3) || w < 0 || w >= x.size(4)) {
            continue;
          }
          const double gradient = dy[n][c][p[0]][p[1]][p[2]];
          y[n][c][p[0]][p[1]][p[2]] += x[n][c][d][h][w] * k[c][0][a][b][j];
          dx[n][c][d][h][w] += gradient * k[c][0][a][b][j];
          dk[c][0][a][b][j] += gradient * x[n][c][d][h][w];
        }
      }
    }
  };
  for (std::int64_t n = 0; n < x.size(0); ++n) {
    for (std::int64_t c = 0; c < x.size(1); ++c) {
      for (std::int64_t d = 0; d < x.size(2); ++d) {
        for (std::int64_t h = 0; h < x.size(3); ++h) {
          for (std::int64_t w = 0; w < x.size(4); ++w) add(n, c, {d, h, w});
        }
      }
    }
  }
  return result;
}

}  // namespace larkspur::testing
