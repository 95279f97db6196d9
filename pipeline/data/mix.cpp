// SPDX-License-Identifier: Apache-2.0
#include "pipeline/data/mix.h"

#include <algorithm>
#include <cmath>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "pipeline/data/mix_points.h"
#include "pipeline/float_input.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

// Gamma(shape, 1) by Marsaglia and Tsang 2000 ("A simple method for generating gamma variables",
// sections 2 and 6: shapes below one are drawn one higher and scaled back).
double draw_gamma(double shape, CounterRng& rng) {
  if (shape < 1) {
    const double higher = draw_gamma(shape + 1, rng);
    return higher * std::pow(1.0 - rng.uniform(), 1.0 / shape);
  }
  const double d = shape - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  while (true) {
    const double x = rng.normal();
    const double v = std::pow(1.0 + c * x, 3);
    if (v <= 0) continue;
    const double u = 1.0 - rng.uniform();
    if (std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

// Beta(a, a), folded to [1/2, 1].
double draw_share(double a, CounterRng& rng) {
  const double first = draw_gamma(a, rng);
  const double second = draw_gamma(a, rng);
  const double sum = first + second;
  const double share = sum > 0 ? first / sum : 1.0;  // both may underflow where a is tiny
  return std::max(share, 1.0 - share);
}

// A box of at most (1 - own) of the picture around a drawn centre, cut off at the border.
CropBox draw_box(double own, std::int64_t height, std::int64_t width, CounterRng& rng) {
  const double side = std::sqrt(1.0 - own);
  const auto along = [&](std::int64_t length) {
    const auto half = static_cast<std::int64_t>(side * static_cast<double>(length) / 2);
    const std::int64_t centre = rng.below(static_cast<std::uint32_t>(length));
    const std::int64_t first = std::max<std::int64_t>(0, centre - half);
    return std::pair(first, std::min(length, centre + half) - first);
  };
  const auto [top, box_height] = along(height);
  const auto [left, box_width] = along(width);
  return {left, top, box_width, box_height};
}

MixPlan plan_sample(const MixOptions& options,
                    const SampleKey& key,
                    std::int64_t height,
                    std::int64_t width) {
  CounterRng rng(key, Purpose::kMix);
  MixPlan plan;
  const bool either = rng.below(2) == 1;
  plan.cut = options.cutmix > 0 && (options.mixup == 0 || either);
  plan.own = draw_share(plan.cut ? options.cutmix : options.mixup, rng);
  if (!plan.cut || height == 0) return plan;
  plan.box = draw_box(plan.own, height, width, rng);
  const auto replaced = static_cast<double>(plan.box.width * plan.box.height);
  plan.own = 1.0 - replaced / static_cast<double>(width * height);
  return plan;
}

void blend(const at::Tensor& mixed, const at::Tensor& own, const at::Tensor& other, double share) {
  const auto keep = static_cast<float>(share);
  const float give = 1.0F - keep;
  const auto* a = own.const_data_ptr<float>();
  const auto* b = other.const_data_ptr<float>();
  auto* out = mixed.data_ptr<float>();
  for (std::int64_t i = 0; i < mixed.numel(); ++i) out[i] = keep * a[i] + give * b[i];
}

void paste(const at::Tensor& mixed, const at::Tensor& own, const at::Tensor& other, CropBox box) {
  mixed.copy_(own);
  const auto part = [&](const at::Tensor& whole) {
    return whole.narrow(-2, box.top, box.height).narrow(-1, box.left, box.width);
  };
  part(mixed).copy_(part(other));
}

bool is_cloud(const at::Tensor& inputs) { return inputs.dim() == 3; }

/// Sets the plan's share to the points that stay.
at::Tensor of_both_clouds(const at::Tensor& own,
                          const at::Tensor& other,
                          const SampleKey& key,
                          MixPlan& plan) {
  CounterRng rng(key, Purpose::kMixPoints);
  const auto points = static_cast<double>(own.size(0));
  const std::int64_t given = static_cast<std::int64_t>((1.0 - plan.own) * points);
  plan.own = 1.0 - static_cast<double>(given) / points;
  const PointsMixed how = plan.cut ? PointsMixed::kPiece : PointsMixed::kAnywhere;
  return mix_points(own, other, given, how, rng);
}

}  // namespace

void MixOptions::check() const {
  require(mixup >= 0, Errc::kInvalidArgument, "mixup is ", mixup, ", not >= 0");
  require(cutmix >= 0, Errc::kInvalidArgument, "cutmix is ", cutmix, ", not >= 0");
}

std::vector<MixPlan> plan_mix(const LaneMix& mix,
                              const std::vector<SampleKey>& keys,
                              std::int64_t height,
                              std::int64_t width) {
  const auto next = static_cast<std::size_t>(mix.repeats);
  if (keys.size() <= next) return std::vector<MixPlan>(keys.size());
  std::vector<MixPlan> plans;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    plans.push_back(plan_sample(mix.options, keys[i], height, width));
    plans.back().partner = (i + next) % keys.size();
  }
  return plans;
}

void mix_lane(const LaneMix& mix, Batch& batch) {
  if (!mix.options.is_on() || batch.size() == 0) return;
  require(
      batch.inputs.size() == 1,
      Errc::kInvalidArgument,
      "[mix] samples of ",
      [&] { return batch.inputs.names(); },
      " have no box in common and are not mixed");
  require(batch.labels.dim() == 1,
          Errc::kInvalidArgument,
          "[mix] samples with several labels are not mixed");
  at::Tensor& input = batch.inputs.begin()->tensor;
  const at::Tensor own = float_input(input).contiguous();
  const bool clouds = is_cloud(own);
  std::vector<MixPlan> plans =
      plan_mix(mix, batch.keys, clouds ? 0 : own.size(-2), clouds ? 0 : own.size(-1));
  input = at::empty_like(own);
  batch.partner_labels = at::empty({batch.size()}, at::kLong);
  batch.own_share = at::empty({batch.size()}, at::kFloat);
  for (std::int64_t i = 0; i < batch.size(); ++i) {
    const auto place = static_cast<std::size_t>(i);
    MixPlan& plan = plans[place];
    const auto partner = static_cast<std::int64_t>(plan.partner);
    const at::Tensor mixed = input[i];
    if (clouds) {
      mixed.copy_(of_both_clouds(own[i], own[partner], batch.keys[place], plan));
    } else if (plan.cut) {
      paste(mixed, own[i], own[partner], plan.box);
    } else {
      blend(mixed, own[i], own[partner], plan.own);
    }
    batch.partner_labels[i] = batch.labels[partner];
    batch.own_share[i] = plan.own;
  }
}

}  // namespace larkspur::pipeline
