// SPDX-License-Identifier: Apache-2.0
// Made-up moving frames whose class is how something moves, and nothing else.
//
//   class = kind of motion + way it is played      scene = all that is drawn at random
//
// Classes come in pairs: the second is the first played backwards. A scene is drawn without looking
// at the way it will be played, speeds are constant, and what varies from frame to frame
// (camera, noise) belongs to the scene's moment. So the frames of a sample, reversed, are the
// sample of the other class from the same draw, bit for bit: a set of frames without its order
// is as probable in one class as in the other. Every motion goes round and starts anywhere, so the
// first frame alone says nothing either. Mirrored or upside down, some classes become their
// partner: training must not mirror.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "pipeline/rng.h"

namespace larkspur::readers {

enum class Motion : std::uint8_t {
  kAcross,  ///< shapes drift to the right
  kUp,      ///< shapes drift upwards
  kTurn,    ///< shapes circle a centre clockwise, as people see the frame
  kGrow,    ///< shapes around a centre grow
  kPart,    ///< pairs of shapes leave a centre in opposite directions
};

struct MotionClass {
  std::string_view name;
  Motion motion = Motion::kAcross;
  bool backwards = false;
};

/// The classes there are; 2i and 2i + 1 are each other played backwards. Some names hold a space.
std::span<const MotionClass> motion_classes();

/// Colours from 0 to 1.
using Colour = std::array<double, 3>;

/// One draw of everything but the way it is played. Immutable.
class MotionScene {
 public:
  /// `size` pixels a side, > 0; `moments` frames, > 1. A pure function of its arguments.
  MotionScene(Motion motion,
              std::int64_t size,
              std::int64_t moments,
              const pipeline::SampleKey& key);

  /// Writes the frame of a moment in [0, moments): uint8 [size][size][3], RGB.
  void draw(std::int64_t moment, std::span<std::uint8_t> rgb) const;

 private:
  enum class Form : std::uint8_t { kDisc, kSquare, kTriangle, kCross };

  struct Wave {  ///< one of the background's
    double along_x = 0.0, along_y = 0.0, phase = 0.0;
    Colour push{};
  };
  struct Item {  ///< a shape where it is at one moment; pixels
    double x = 0.0, y = 0.0, radius = 0.0, angle = 0.0;
    Colour colour{};
  };

  std::vector<Item> items_at(double turn) const;
  Colour background(double x, double y) const;
  double cover(const Item& item, double x, double y) const;

  Motion motion_;
  std::int64_t size_;
  std::int64_t moments_;
  pipeline::SampleKey key_;
  Form form_ = Form::kDisc;
  double start_ = 0.0;        ///< where in its round the motion begins, [0, 1)
  double rounds_ = 0.0;       ///< how far it gets over all moments, in rounds
  double x_ = 0.0, y_ = 0.0;  ///< centre of the motion, pixels
  double radius_ = 0.0;       ///< of a shape, pixels
  double reach_ = 0.0;        ///< of the motion, pixels
  double angle_ = 0.0;
  std::array<Colour, 2> colours_{};
  Item still_;  ///< a shape that does not move
  Colour base_{};
  std::vector<Wave> waves_;
};

}  // namespace larkspur::readers
