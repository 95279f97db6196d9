// SPDX-License-Identifier: Apache-2.0
#include "readers/video/display_rotation.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace larkspur::readers {
namespace {

using Matrix = std::array<std::int32_t, 9>;

Matrix matrix(std::int32_t a, std::int32_t b, std::int32_t c, std::int32_t d) {
  return {a, b, 0, c, d, 0, 0, 0, 1 << 30};
}

// Turns the 3 x 2 frame "abc / def" (a letter a pixel) into lines of text.
std::vector<std::string> turned(const Matrix& matrix) {
  constexpr int kRowBytes = 11;
  std::vector<std::uint8_t> coded(2 * kRowBytes);
  for (int i = 0; i < 6; ++i) {
    for (int c = 0; c < 3; ++c) {
      coded[i / 3 * kRowBytes + i % 3 * 3 + c] = static_cast<std::uint8_t>("abcdef"[i] + 10 * c);
    }
  }
  const Orientation orientation = orientation_of(matrix.data());
  const int width = orientation.is_swapped ? 2 : 3;
  const int height = 5 - width;
  std::vector<std::uint8_t> shown(3 * kRowBytes);
  turn({shown.data(), kRowBytes}, {coded.data(), kRowBytes}, 3, 2, orientation);
  std::vector<std::string> lines;
  for (int y = 0; y < height; ++y) {
    lines.emplace_back();
    for (int x = 0; x < width; ++x) {
      const std::uint8_t* const pixel = shown.data() + y * kRowBytes + 3 * x;
      EXPECT_EQ(pixel[1], pixel[0] + 10);
      EXPECT_EQ(pixel[2], pixel[0] + 20);
      lines.back() += static_cast<char>(pixel[0]);
    }
  }
  return lines;
}

TEST(DisplayRotation, EightMatricesAreEightWaysToLayARectangle) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(turned(matrix(1, 0, 0, 1)), (Lines{"abc", "def"}));
  EXPECT_EQ(turned(matrix(0, 1, -1, 0)), (Lines{"da", "eb", "fc"}));  // a quarter clockwise
  EXPECT_EQ(turned(matrix(-1, 0, 0, -1)), (Lines{"fed", "cba"}));
  EXPECT_EQ(turned(matrix(0, -1, 1, 0)), (Lines{"cf", "be", "ad"}));
  EXPECT_EQ(turned(matrix(-1, 0, 0, 1)), (Lines{"cba", "fed"}));
  EXPECT_EQ(turned(matrix(1, 0, 0, -1)), (Lines{"def", "abc"}));
  EXPECT_EQ(turned(matrix(0, 1, 1, 0)), (Lines{"ad", "be", "cf"}));
  EXPECT_EQ(turned(matrix(0, -1, -1, 0)), (Lines{"fc", "eb", "da"}));
}

TEST(DisplayRotation, NoMatrixAndZerosLeaveTheFrame) {
  EXPECT_EQ(orientation_of(nullptr), Orientation{});
  EXPECT_EQ(orientation_of(Matrix{}.data()), Orientation{});
}

TEST(DisplayRotation, OtherAnglesGoToTheNearest) {
  EXPECT_EQ(orientation_of(matrix(60000, 9000, -9000, 60000).data()), Orientation{});
  EXPECT_EQ(orientation_of(matrix(-9000, 60000, -60000, -9000).data()),
            (Orientation{true, true, false}));
  EXPECT_EQ(orientation_of(matrix(INT32_MIN, 0, 0, INT32_MIN).data()),
            (Orientation{false, true, true}));
}

}  // namespace
}  // namespace larkspur::readers
