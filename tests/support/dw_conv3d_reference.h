// SPDX-License-Identifier: Apache-2.0
// The specification of depthwise N-D convolution: seven plain loops in float64, no blocking, no
// packing, nothing shared with the code under test. And the shapes that every twin is tested with.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace larkspur::testing {

using Triple = std::array<std::int64_t, 3>;

struct DwConv3dCase {
  const char* name;
  std::int64_t n, c;
  Triple size, taps, rate;

  std::size_t map_elements() const {
    return static_cast<std::size_t>(n * c * size[0] * size[1] * size[2]);
  }
  std::size_t kernel_elements() const {
    return static_cast<std::size_t>(c * taps[0] * taps[1] * taps[2]);
  }
};

inline constexpr DwConv3dCase kDwConv3dCases[] = {
    {"OnePosition", 1, 1, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}},
    {"OnePositionUnderALargeKernel", 3, 5, {1, 1, 1}, {13, 13, 13}, {1, 1, 1}},
    {"OneChannel", 2, 1, {5, 6, 7}, {3, 3, 3}, {1, 1, 1}},
    {"SeventeenChannels", 2, 17, {3, 5, 4}, {3, 5, 3}, {1, 1, 1}},
    {"EmptyBatch", 0, 4, {3, 3, 3}, {3, 3, 3}, {1, 1, 1}},
    {"FiveSamplesOfShortRows", 5, 16, {2, 3, 2}, {3, 3, 3}, {1, 1, 1}},
    {"SevenSamplesOfRowsOfFour", 7, 20, {4, 4, 4}, {13, 13, 13}, {1, 1, 1}},
    {"KernelFarBeyondTheMap", 4, 18, {2, 2, 2}, {13, 13, 13}, {1, 1, 1}},
    {"KernelAsLargeAsTheMap", 2, 16, {8, 8, 8}, {7, 7, 7}, {1, 1, 1}},
    {"KernelBeyondRowsOfEight", 2, 16, {3, 4, 8}, {5, 13, 13}, {1, 1, 1}},
    {"KernelBeyondRowsOfFive", 3, 9, {5, 3, 5}, {7, 3, 11}, {1, 1, 1}},
    {"RowsOfSixteen", 1, 16, {4, 5, 16}, {3, 3, 3}, {1, 1, 1}},
    {"RowsOfSeventeen", 2, 3, {2, 3, 17}, {3, 5, 13}, {1, 1, 1}},
    {"RowsOfTwentyNine", 1, 2, {1, 3, 29}, {1, 3, 13}, {1, 1, 1}},
    {"Image", 1, 19, {1, 14, 14}, {1, 13, 13}, {1, 1, 1}},
    {"RowsOfThreeBlocksInPlanes", 1, 16, {3, 9, 42}, {3, 5, 13}, {1, 1, 1}},
    {"SeveralTiles", 1, 9, {1, 37, 70}, {1, 5, 7}, {1, 1, 1}},
    {"SeveralTilesOfRates", 1, 2, {2, 45, 20}, {1, 3, 5}, {1, 2, 3}},
    {"RowsOfTwentyInBlocks", 1, 3, {4, 19, 20}, {5, 3, 3}, {2, 1, 1}},
    {"TimeOnly", 2, 6, {9, 3, 3}, {7, 1, 1}, {1, 1, 1}},
    {"TimeOnlyWithARate", 2, 37, {9, 5, 7}, {5, 1, 1}, {3, 1, 1}},
    {"TimeOnlyOfManyChannels", 1, 75, {4, 9, 9}, {13, 1, 1}, {1, 1, 1}},
    {"RateTwo", 2, 16, {8, 8, 8}, {7, 7, 7}, {2, 2, 2}},
    {"RateTwoInBlocks", 1, 18, {2, 5, 34}, {3, 3, 7}, {1, 1, 2}},
    {"RateFourInBlocks", 2, 17, {2, 9, 30}, {1, 3, 3}, {1, 2, 4}},
    {"RateFive", 2, 17, {8, 8, 8}, {3, 3, 3}, {5, 5, 5}},
    {"NineTapsAtRateTwo", 1, 5, {1, 14, 20}, {1, 9, 9}, {1, 2, 2}},
    {"ThreeTapsAtRateSeven", 2, 5, {1, 9, 18}, {1, 3, 3}, {1, 7, 7}},
    {"RateBeyondTheMap", 2, 4, {4, 4, 4}, {3, 3, 3}, {4, 5, 9}},
    {"RatesThatDiffer", 2, 5, {7, 9, 11}, {5, 3, 5}, {1, 4, 3}},
    {"ManyTapsWithARateInRowsAlone", 2, 3, {2, 20, 18}, {1, 9, 7}, {1, 2, 1}},
    {"OneTapWithARate", 2, 3, {3, 3, 3}, {1, 1, 1}, {2, 3, 4}},
};

/// float64 results of one convolution and its two gradients.
struct DwConv3dReference {
  std::vector<double> y;   ///< [N, C, D, H, W]
  std::vector<double> dx;  ///< [N, C, D, H, W]
  std::vector<double> dk;  ///< [C, KD, KH, KW]
};

/// x [N,C,D,H,W], k [C,KD,KH,KW] and dy like x. Every (output, tap) pair whose input lies inside
/// the map gives one product to y, dx and dk.
inline DwConv3dReference dw_conv3d_reference(const DwConv3dCase& shape,
                                             const double* x,
                                             const double* k,
                                             const double* dy) {
  DwConv3dReference result{std::vector<double>(shape.map_elements()),
                           std::vector<double>(shape.map_elements()),
                           std::vector<double>(shape.kernel_elements())};
  const Triple& size = shape.size;
  const Triple& taps = shape.taps;
  const Triple& rate = shape.rate;
  const auto at = [&](std::int64_t map, const Triple& p) {
    return static_cast<std::size_t>(((map * size[0] + p[0]) * size[1] + p[1]) * size[2] + p[2]);
  };
  const auto add = [&](std::int64_t map, const Triple& p) {
    const std::size_t output = at(map, p);
    for (std::int64_t tap = 0; tap < taps[0] * taps[1] * taps[2]; ++tap) {
      const Triple j{tap / (taps[1] * taps[2]), tap / taps[2] % taps[1], tap % taps[2]};
      Triple from;
      bool is_inside = true;
      for (std::size_t axis = 0; axis < 3; ++axis) {
        from[axis] = p[axis] + rate[axis] * (j[axis] - taps[axis] / 2);
        is_inside = is_inside && from[axis] >= 0 && from[axis] < size[axis];
      }
      if (!is_inside) continue;
      const std::size_t input = at(map, from);
      const auto weight =
          static_cast<std::size_t>(map % shape.c * taps[0] * taps[1] * taps[2] + tap);
      result.y[output] += x[input] * k[weight];
      result.dx[input] += dy[output] * k[weight];
      result.dk[weight] += dy[output] * x[input];
    }
  };
  for (std::int64_t map = 0; map < shape.n * shape.c; ++map) {
    for (std::int64_t d = 0; d < size[0]; ++d) {
      for (std::int64_t h = 0; h < size[1]; ++h) {
        for (std::int64_t w = 0; w < size[2]; ++w) add(map, {d, h, w});
      }
    }
  }
  return result;
}

}  // namespace larkspur::testing
