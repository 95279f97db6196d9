// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plan/picture_plan.h"

#include <array>
#include <cmath>
#include <utility>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

constexpr BoxRange kErased{0.02, 0.33, 3.3};

/// The amount of an operation at a magnitude, before a sign is drawn.
double amount_of(PictureOp op, int magnitude, std::int64_t size) {
  const double part = static_cast<double>(magnitude) / kLargestMagnitude;
  switch (op) {
    case PictureOp::kShearX:
    case PictureOp::kShearY:
      return 0.3 * part;
    case PictureOp::kTranslateX:
    case PictureOp::kTranslateY:
      return std::trunc(150.0 / 331.0 * static_cast<double>(size) * part);
    case PictureOp::kRotate:
      return 30.0 * part;
    case PictureOp::kBrightness:
    case PictureOp::kColor:
    case PictureOp::kContrast:
    case PictureOp::kSharpness:
      return 0.9 * part;
    case PictureOp::kPosterize:
      return 8.0 - std::nearbyint(4.0 * part);
    case PictureOp::kSolarize:
      return 255.0 * (1.0 - part);
    default:
      return 0.0;
  }
}

bool is_factor(PictureOp op) { return op >= PictureOp::kBrightness && op <= PictureOp::kSharpness; }

bool has_sign(PictureOp op) { return op >= PictureOp::kShearX && op <= PictureOp::kSharpness; }

PictureChange drawn_change(const PictureDistortion& distortion,
                           std::int64_t size,
                           CounterRng& rng) {
  const auto op = static_cast<PictureOp>(rng.below(kRandAugmentOps));
  double amount = amount_of(op, distortion.magnitude, size);
  const bool negative = rng.below(2) == 1;
  if (negative && has_sign(op)) amount = -amount;
  return {op, is_factor(op) ? 1.0 + amount : amount};
}

void add_jitter(const PictureDistortion& distortion, CounterRng& rng, PicturePlan& plan) {
  std::array<std::pair<PictureOp, double>, 3> jitters{
      {{PictureOp::kBrightness, distortion.brightness},
       {PictureOp::kContrast, distortion.contrast},
       {PictureOp::kColor, distortion.saturation}}};
  for (std::uint32_t i = 0; i < 2; ++i) std::swap(jitters[i], jitters[i + rng.below(3 - i)]);
  for (const auto& [op, range] : jitters) {
    const double factor = rng.uniform(1.0 - range, 1.0 + range);
    if (range > 0) plan.changes.push_back({op, factor});
  }
}

}  // namespace

void PictureDistortion::check() const {
  const auto need = [](bool good, const char* field, auto value, const char* range) {
    require(good, Errc::kInvalidArgument, field, " is ", value, ", not in ", range);
  };
  require(ops >= 0, Errc::kInvalidArgument, "ops is ", ops, ", not >= 0");
  need(magnitude >= 0 && magnitude <= kLargestMagnitude, "magnitude", magnitude, "[0, 30]");
  need(brightness >= 0 && brightness <= 1, "brightness", brightness, "[0, 1]");
  need(contrast >= 0 && contrast <= 1, "contrast", contrast, "[0, 1]");
  need(saturation >= 0 && saturation <= 1, "saturation", saturation, "[0, 1]");
  need(erase >= 0 && erase <= 1, "erase", erase, "[0, 1]");
}

PicturePlan plan_pictures(const PictureDistortion& distortion,
                          std::int64_t size,
                          const SampleKey& key) {
  CounterRng rng(key, Purpose::kPicture);
  PicturePlan plan;
  for (int i = 0; i < distortion.ops; ++i) {
    const PictureChange change = drawn_change(distortion, size, rng);
    if (change.op != PictureOp::kIdentity) plan.changes.push_back(change);
  }
  add_jitter(distortion, rng, plan);
  if (rng.uniform() < distortion.erase) {
    plan.erased = drawn_box(kErased, size, size, rng, /*is_part=*/true).value_or(CropBox{});
  }
  return plan;
}

}  // namespace larkspur::pipeline
