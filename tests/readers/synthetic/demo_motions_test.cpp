// SPDX-License-Identifier: Apache-2.0
#include "readers/synthetic/demo_motions.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larkspur::readers {
namespace {

constexpr std::int64_t kSize = 32;
constexpr std::int64_t kMoments = 16;

using Bytes = std::vector<std::uint8_t>;
using Plane = std::vector<double>;

pipeline::SampleKey key_of(std::uint32_t number) { return {7, 0, number, 3}; }

/// The frames of a class from one draw, in the order they are shown.
std::vector<Bytes> played(const MotionClass& shown, const pipeline::SampleKey& key) {
  const MotionScene scene(shown.motion, kSize, kMoments, key);
  std::vector<Bytes> frames;
  for (std::int64_t t = 0; t < kMoments; ++t) {
    frames.emplace_back(3 * kSize * kSize);
    scene.draw(shown.backwards ? kMoments - 1 - t : t, frames.back());
  }
  return frames;
}

/// What differs from the mean of all frames: the moving things, in grey.
std::vector<Plane> moving_parts(const std::vector<Bytes>& frames) {
  Plane mean(kSize * kSize);
  std::vector<Plane> planes;
  for (const Bytes& rgb : frames) {
    Plane& plane = planes.emplace_back(kSize * kSize);
    for (std::size_t i = 0; i < plane.size(); ++i) {
      plane[i] = rgb[3 * i] + rgb[3 * i + 1] + rgb[3 * i + 2];
      mean[i] += plane[i] / static_cast<double>(frames.size());
    }
  }
  for (Plane& plane : planes) {
    for (std::size_t i = 0; i < plane.size(); ++i) plane[i] -= mean[i];
  }
  return planes;
}

/// How alike two planes are when the second is taken at moved places.
template <typename Move>
double likeness(const Plane& before, const Plane& after, const Move& move) {
  double sum = 0.0;
  for (std::int64_t y = 0; y < kSize; ++y) {
    for (std::int64_t x = 0; x < kSize; ++x) {
      const auto [u, v] = move(static_cast<double>(x), static_cast<double>(y));
      const auto column = std::lround(u);
      const auto row = std::lround(v);
      if (column < 0 || row < 0 || column >= kSize || row >= kSize) continue;
      sum += before[y * kSize + x] * after[row * kSize + column];
    }
  }
  return sum;
}

/// Above 0 when frames two apart look more as if things had moved by `move` than by `back`.
template <typename Move, typename Back>
double evidence(const MotionClass& shown, const Move& move, const Back& back) {
  double sum = 0.0;
  for (std::uint32_t number = 0; number < 40; ++number) {
    const std::vector<Plane> planes = moving_parts(played(shown, key_of(number)));
    for (std::size_t t = 0; t + 2 < planes.size(); ++t) {
      const double forth_score = likeness(planes[t], planes[t + 2], move);
      const double back_score = likeness(planes[t], planes[t + 2], back);
      sum += forth_score - back_score > 0 ? 1.0 : -1.0;
    }
  }
  return sum / (40.0 * (kMoments - 2));
}

struct Place {
  double x, y;
};

const MotionClass& class_of(std::string_view name) {
  const auto all = motion_classes();
  return *std::find_if(
      all.begin(), all.end(), [&](const MotionClass& one) { return one.name == name; });
}

TEST(MotionClasses, ComeInPairsOfOneMotion) {
  const auto all = motion_classes();
  ASSERT_EQ(all.size() % 2, 0U);
  std::set<std::string_view> names;
  std::set<Motion> motions;
  for (std::size_t i = 0; i < all.size(); i += 2) {
    EXPECT_EQ(all[i].motion, all[i + 1].motion);
    EXPECT_FALSE(all[i].backwards);
    EXPECT_TRUE(all[i + 1].backwards);
    motions.insert(all[i].motion);
    names.insert({all[i].name, all[i + 1].name});
  }
  EXPECT_EQ(names.size(), all.size());
  EXPECT_EQ(motions.size(), all.size() / 2);
}

TEST(MotionScene, ReversedIsTheOtherClassOfThePairFromTheSameDraw) {
  const auto all = motion_classes();
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::uint32_t number = 0; number < 5; ++number) {
      std::vector<Bytes> frames = played(all[i], key_of(number));
      const std::vector<Bytes> partner = played(all[i ^ 1], key_of(number));
      EXPECT_NE(frames, partner) << all[i].name;
      std::reverse(frames.begin(), frames.end());
      EXPECT_EQ(frames, partner) << all[i].name;
    }
  }
}

TEST(MotionScene, MovesAsItsClassSays) {
  const auto right = [](double x, double y) { return Place{x + 4, y}; };
  const auto left = [](double x, double y) { return Place{x - 4, y}; };
  const auto up = [](double x, double y) { return Place{x, y - 4}; };
  const auto down = [](double x, double y) { return Place{x, y + 4}; };
  const auto about_centre = [](double angle, double factor) {
    return [=](double x, double y) {
      const double dx = x - kSize / 2.0, dy = y - kSize / 2.0;
      return Place{kSize / 2.0 + factor * (std::cos(angle) * dx - std::sin(angle) * dy),
                   kSize / 2.0 + factor * (std::sin(angle) * dx + std::cos(angle) * dy)};
    };
  };
  EXPECT_GT(evidence(class_of("moving right"), right, left), 0.8);
  EXPECT_GT(evidence(class_of("moving left"), left, right), 0.8);
  EXPECT_GT(evidence(class_of("moving up"), up, down), 0.8);
  EXPECT_GT(evidence(class_of("moving down"), down, up), 0.8);
  // y points down, so a rising angle is clockwise as people see it.
  EXPECT_GT(evidence(class_of("turning clockwise"), about_centre(0.7, 1), about_centre(-0.7, 1)),
            0.8);
  EXPECT_GT(
      evidence(class_of("turning anticlockwise"), about_centre(-0.7, 1), about_centre(0.7, 1)),
      0.8);
  EXPECT_GT(evidence(class_of("growing"), about_centre(0, 1.2), about_centre(0, 1 / 1.2)), 0.3);
  EXPECT_LT(evidence(class_of("shrinking"), about_centre(0, 1.2), about_centre(0, 1 / 1.2)), -0.3);
  EXPECT_GT(evidence(class_of("moving apart"), about_centre(0, 1.25), about_centre(0, 0.8)), 0.3);
  EXPECT_LT(evidence(class_of("coming together"), about_centre(0, 1.25), about_centre(0, 0.8)),
            -0.3);
}

/// Mean frame over many draws, in blocks of 8 x 8 pixels, and its standard error.
struct Blocks {
  std::vector<double> mean, error;
};

Blocks blocks_at(const MotionClass& shown, std::int64_t frame, std::uint32_t first) {
  constexpr std::uint32_t draws = 300;
  constexpr std::size_t across = kSize / 8;
  std::vector<double> sum(across * across), squares(across * across);
  for (std::uint32_t number = first; number < first + draws; ++number) {
    const MotionScene scene(shown.motion, kSize, kMoments, key_of(number));
    Bytes rgb(3 * kSize * kSize);
    scene.draw(shown.backwards ? kMoments - 1 - frame : frame, rgb);
    std::vector<double> block(across * across);
    for (std::size_t i = 0; i < rgb.size(); ++i) {
      const std::size_t pixel = i / 3;
      // Shapes are light or dark: the distance from grey shows both.
      block[pixel / kSize / 8 * across + pixel % kSize / 8] += std::abs(rgb[i] - 122.0) / 192.0;
    }
    for (std::size_t i = 0; i < block.size(); ++i) {
      sum[i] += block[i];
      squares[i] += block[i] * block[i];
    }
  }
  Blocks blocks;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const double mean = sum[i] / draws;
    blocks.mean.push_back(mean);
    blocks.error.push_back(std::sqrt((squares[i] / draws - mean * mean) / draws));
  }
  return blocks;
}

TEST(MotionScene, OneFrameAtAKnownPlaceSaysNothingOfTheWayItIsPlayed) {
  const auto all = motion_classes();
  for (std::size_t i = 0; i < all.size(); i += 2) {
    // Other draws for the partner, as in the data set.
    const Blocks forth = blocks_at(all[i], 0, 0);
    const Blocks back = blocks_at(all[i + 1], 0, 1000);
    for (std::size_t block = 0; block < forth.mean.size(); ++block) {
      EXPECT_NEAR(forth.mean[block],
                  back.mean[block],
                  4.5 * std::hypot(forth.error[block], back.error[block]))
          << all[i].name << " block " << block;
    }
  }
}

TEST(MotionScene, DependsOnItsKeyAndOnNothingElse) {
  std::set<Bytes> frames;
  Bytes rgb(3 * kSize * kSize);
  for (std::uint32_t number = 0; number < 20; ++number) {
    MotionScene(Motion::kTurn, kSize, kMoments, key_of(number)).draw(3, rgb);
    const Bytes once = rgb;
    const MotionScene again(Motion::kTurn, kSize, kMoments, key_of(number));
    again.draw(9, rgb);
    again.draw(3, rgb);
    EXPECT_EQ(rgb, once);
    frames.insert(rgb);
  }
  EXPECT_EQ(frames.size(), 20U);
}

}  // namespace
}  // namespace larkspur::readers
