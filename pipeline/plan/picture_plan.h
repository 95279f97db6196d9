// SPDX-License-Identifier: Apache-2.0
// How the pictures of a training view are distorted: decided here, executed by readers.
//
//   (key, size of the view) -- plan --> changes in order, a box to erase --> all pictures of a clip
//
// RandAugment (Cubuk et al. 2019, arXiv 1909.13719, section 3) with the operations and the scale of
// magnitudes of torchvision; one draw a clip, so that its pictures stay one film. Colour jitter as
// torchvision's, without hue. Random erasing (Zhong et al. 2017, arXiv 1708.04896), one box a clip.
#pragma once

#include <cstdint>
#include <vector>

#include "pipeline/plan/crop_box.h"
#include "pipeline/rng.h"

namespace larkspur::pipeline {

/// What is done to a picture, and what its amount means.
enum class PictureOp : std::uint8_t {
  kIdentity,      ///< nothing
  kShearX,        ///< columns a row, seen from the upper left corner
  kShearY,        ///< rows a column
  kTranslateX,    ///< pixels to the right, whole
  kTranslateY,    ///< pixels down, whole
  kRotate,        ///< degrees against the clock, about the middle
  kBrightness,    ///< factor; 1: as it is
  kColor,         ///< factor from grey; 1: as it is
  kContrast,      ///< factor from the picture's mean grey; 1: as it is
  kSharpness,     ///< factor from a blurred picture; 1: as it is
  kPosterize,     ///< bits of a value that stay, 4 to 8
  kSolarize,      ///< values from this on are inverted
  kAutoContrast,  ///< each colour stretched to 0 .. 255
  kEqualize       ///< each colour's histogram made even
};

inline constexpr int kRandAugmentOps = 14;  ///< RandAugment draws one of these
inline constexpr int kLargestMagnitude = 30;

struct PictureChange {
  PictureOp op = PictureOp::kIdentity;
  double amount = 0.0;

  bool operator==(const PictureChange&) const = default;
};

/// Ranges a training view's distortion is drawn from. The defaults distort nothing.
struct PictureDistortion {
  int ops = 0;              ///< of RandAugment, one after the other, >= 0
  int magnitude = 9;        ///< of each, [0, kLargestMagnitude]
  double brightness = 0.0;  ///< factor in [1 - this, 1 + this], [0, 1]; 0: as it is
  double contrast = 0.0;    ///< likewise
  double saturation = 0.0;  ///< likewise
  double erase = 0.0;       ///< chance that a box is erased, [0, 1]

  /// Throws kInvalidArgument naming the field at fault and its value.
  void check() const;
};

/// One view's; a pure value.
struct PicturePlan {
  std::vector<PictureChange> changes;  ///< of every picture, in this order
  CropBox erased;                      ///< painted in the mean colour, last; of no pixels: none

  bool operator==(const PicturePlan&) const = default;
};

/// A training view's, for pictures of size x size pixels. Operation and sign are drawn, and the
/// factors of colour jitter and their order; a box of 2 to 33 % of the area with a ratio of its
/// sides of 0.3 to 3.3, uniform in its logarithm. A pure function of its arguments.
PicturePlan plan_pictures(const PictureDistortion& distortion,
                          std::int64_t size,
                          const SampleKey& key);

}  // namespace larkspur::pipeline
