// SPDX-License-Identifier: Apache-2.0
#include "readers/synthetic/demo_motions.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace larkspur::readers {
namespace {

using pipeline::CounterRng;
using pipeline::Purpose;

constexpr double kFullTurn = 2.0 * std::numbers::pi;
constexpr int kItems = 2;  // shapes in a round: what leaves is followed by what comes

constexpr MotionClass kMotions[] = {
    {"moving right", Motion::kAcross, false},
    {"moving left", Motion::kAcross, true},
    {"moving up", Motion::kUp, false},
    {"moving down", Motion::kUp, true},
    {"turning clockwise", Motion::kTurn, false},
    {"turning anticlockwise", Motion::kTurn, true},
    {"growing", Motion::kGrow, false},
    {"shrinking", Motion::kGrow, true},
    {"moving apart", Motion::kPart, false},
    {"coming together", Motion::kPart, true},
};

/// Darker or lighter than any background, with a tint of its own.
Colour shape_colour(CounterRng& rng, bool light) {
  Colour colour{};
  for (double& part : colour) part = light ? rng.uniform(0.75, 1.0) : rng.uniform(0.0, 0.22);
  return colour;
}

double fraction(double value) { return value - std::floor(value); }

/// Signed distance to the edge of a convex shape with `sides` sides around a circle, < 0 inside.
double polygon_distance(double x, double y, double radius, int sides) {
  const double step = kFullTurn / sides;
  double far = -radius;
  for (int side = 0; side < sides; ++side) {
    far = std::max(far, x * std::cos(step * side) + y * std::sin(step * side));
  }
  return far - radius;
}

}  // namespace

std::span<const MotionClass> motion_classes() { return kMotions; }

MotionScene::MotionScene(Motion motion,
                         std::int64_t size,
                         std::int64_t moments,
                         const pipeline::SampleKey& key)
    : motion_(motion), size_(size), moments_(moments), key_(key) {
  CounterRng rng(key, Purpose::kSynthetic);
  const auto side = static_cast<double>(size);
  form_ = static_cast<Form>(rng.below(4));
  start_ = rng.uniform();
  rounds_ = rng.uniform(0.7, 1.1);
  x_ = side * rng.uniform(0.4, 0.6);
  y_ = side * rng.uniform(0.4, 0.6);
  radius_ = side * rng.uniform(0.09, 0.14);
  reach_ = side * rng.uniform(0.24, 0.32);
  angle_ = rng.uniform(0.0, kFullTurn);
  const bool light = rng.below(2) == 0;
  colours_ = {shape_colour(rng, light), shape_colour(rng, !light)};
  still_ = {side * rng.uniform(),
            side * rng.uniform(),
            side * rng.uniform(0.05, 0.1),
            rng.uniform(0.0, kFullTurn),
            shape_colour(rng, rng.below(2) == 0)};
  for (double& part : base_) part = rng.uniform(0.38, 0.58);
  waves_.resize(4);
  for (Wave& wave : waves_) {
    wave.along_x = rng.uniform(-20.0, 20.0) / side;
    wave.along_y = rng.uniform(-20.0, 20.0) / side;
    wave.phase = rng.uniform(0.0, kFullTurn);
    for (double& part : wave.push) part = rng.uniform(-0.035, 0.035);
  }
}

/// `turn`: rounds since the motion began somewhere. A drifting shape's way is the frame and its
/// own size, so that it comes back only after it has left; a circling, growing or parting one's is
/// the reach of the motion.
std::vector<MotionScene::Item> MotionScene::items_at(double turn) const {
  std::vector<Item> items{still_};
  const double way = static_cast<double>(size_) + 3.0 * radius_;
  for (int number = 0; number < kItems; ++number) {
    const double part = fraction(turn + static_cast<double>(number) / kItems);
    Item item{x_, y_, radius_, angle_, colours_[static_cast<std::size_t>(number)]};
    switch (motion_) {
      case Motion::kAcross:
        item.x = way * part - 1.5 * radius_;
        item.y += (number == 0 ? -reach_ : reach_) * 0.6;
        break;
      case Motion::kUp:
        item.x += (number == 0 ? -reach_ : reach_) * 0.6;
        item.y = way * (1.0 - part) - 1.5 * radius_;
        break;
      case Motion::kTurn:
        item.angle = angle_ + kFullTurn * part;  // y points down: rising angles are clockwise
        item.x += reach_ * std::cos(item.angle);
        item.y += reach_ * std::sin(item.angle);
        break;
      case Motion::kGrow:
        item.radius = 1.3 * reach_ * part;
        break;
      case Motion::kPart: {
        const double distance = 1.5 * reach_ * part;
        for (const double way_out : {-distance, distance}) {
          Item half = item;
          half.radius *= 0.6;
          half.x += way_out * std::cos(angle_);
          half.y += way_out * std::sin(angle_);
          items.push_back(half);
        }
        continue;
      }
    }
    items.push_back(item);
  }
  // The larger ones below, else a growing shape would hide the one that follows it.
  std::stable_sort(items.begin() + 1, items.end(), [](const Item& a, const Item& b) {
    return a.radius > b.radius;
  });
  return items;
}

Colour MotionScene::background(double x, double y) const {
  Colour colour = base_;
  for (const Wave& wave : waves_) {
    const double height = std::sin(wave.along_x * x + wave.along_y * y + wave.phase);
    for (std::size_t part = 0; part < colour.size(); ++part) {
      colour[part] += wave.push[part] * height;
    }
  }
  return colour;
}

/// How much of the pixel at (x, y) the shape covers, [0, 1]: the edge is one pixel soft.
double MotionScene::cover(const Item& item, double x, double y) const {
  const double dx = x - item.x;
  const double dy = y - item.y;
  const double far = 2.0 * item.radius + 1.0;
  if (dx * dx + dy * dy > far * far) return 0.0;
  const double along = std::cos(item.angle) * dx + std::sin(item.angle) * dy;
  const double aside = std::cos(item.angle) * dy - std::sin(item.angle) * dx;
  double distance = 0.0;
  switch (form_) {
    case Form::kDisc:
      distance = std::hypot(dx, dy) - item.radius;
      break;
    case Form::kSquare:
      distance = polygon_distance(along, aside, 0.85 * item.radius, 4);
      break;
    case Form::kTriangle:
      distance = polygon_distance(along, aside, 0.6 * item.radius, 3);
      break;
    case Form::kCross: {
      const double high = std::max(std::abs(along), std::abs(aside));
      const double low = std::min(std::abs(along), std::abs(aside));
      distance = std::max(high - item.radius, low - 0.4 * item.radius);
      break;
    }
  }
  return std::clamp(0.5 - distance, 0.0, 1.0);
}

void MotionScene::draw(std::int64_t moment, std::span<std::uint8_t> rgb) const {
  // Camera and noise belong to the moment of the scene, whichever way it is played.
  CounterRng rng(key_, Purpose::kSynthetic, static_cast<std::uint8_t>(1 + moment % 255));
  const double camera_x = 0.3 * rng.normal();
  const double camera_y = 0.3 * rng.normal();
  const double speed = rounds_ / static_cast<double>(moments_ - 1);
  const std::vector<Item> items = items_at(start_ + speed * static_cast<double>(moment));
  std::size_t at = 0;
  for (std::int64_t row = 0; row < size_; ++row) {
    for (std::int64_t column = 0; column < size_; ++column) {
      const double x = static_cast<double>(column) + 0.5 + camera_x;
      const double y = static_cast<double>(row) + 0.5 + camera_y;
      Colour colour = background(x, y);
      for (const Item& item : items) {
        const double share = cover(item, x, y);
        if (share == 0.0) continue;
        for (std::size_t part = 0; part < colour.size(); ++part) {
          colour[part] += share * (item.colour[part] - colour[part]);
        }
      }
      const double noise = rng.uniform(-0.025, 0.025);
      for (const double part : colour) {
        rgb[at++] =
            static_cast<std::uint8_t>(std::lround(255.0 * std::clamp(part + noise, 0.0, 1.0)));
      }
    }
  }
}

}  // namespace larkspur::readers
