// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plan/crop_box.h"

#include <cmath>

namespace larkspur::pipeline {
namespace {

constexpr int kTries = 10;

}  // namespace

std::optional<CropBox> drawn_box(
    const BoxRange& range, std::int64_t width, std::int64_t height, CounterRng& rng, bool is_part) {
  const auto area = static_cast<double>(width * height);
  const double log_aspect = std::log(range.aspect_max);
  const std::int64_t left_over = is_part ? 1 : 0;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const double part = area * rng.uniform(range.area_min, range.area_max);
    const double aspect = std::exp(rng.uniform(-log_aspect, log_aspect));
    const auto wide = static_cast<std::int64_t>(std::llround(std::sqrt(part * aspect)));
    const auto high = static_cast<std::int64_t>(std::llround(std::sqrt(part / aspect)));
    if (wide < 1 || high < 1 || wide > width - left_over || high > height - left_over) continue;
    const auto left = rng.below(static_cast<std::uint32_t>(width - wide + 1));
    const auto top = rng.below(static_cast<std::uint32_t>(height - high + 1));
    return CropBox{left, top, wide, high};
  }
  return std::nullopt;
}

}  // namespace larkspur::pipeline
