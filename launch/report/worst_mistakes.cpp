// SPDX-License-Identifier: Apache-2.0
#include "launch/report/worst_mistakes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "launch/report/bitmap.h"
#include "pipeline/float_input.h"
#include "pipeline/image_statistics.h"

namespace larkspur::launch {
namespace {

using nlohmann::ordered_json;
using pipeline::Prediction;

constexpr std::int64_t kFrames = 4;
constexpr std::int64_t kSide = 64;
constexpr std::int64_t kDots = 600;

/// Up to `count` of [0, size), the same distance apart.
std::vector<std::int64_t> spread(std::int64_t size, std::int64_t count) {
  std::vector<std::int64_t> chosen;
  const std::int64_t taken = std::min(size, count);
  for (std::int64_t i = 0; i < taken; ++i) chosen.push_back((2 * i + 1) * size / (2 * taken));
  return chosen;
}

/// [3, H, W] -> [3, at most kSide, at most kSide], means of areas.
at::Tensor shrunk(const at::Tensor& picture) {
  const std::int64_t longer = std::max(picture.size(1), picture.size(2));
  if (longer <= kSide) return picture;
  const auto side = [&](std::int64_t size) {
    return std::max<std::int64_t>(1, size * kSide / longer);
  };
  return at::adaptive_avg_pool2d(picture, {side(picture.size(1)), side(picture.size(2))});
}

/// frames: [F, 3, H, W] in [0, 1].
ordered_json frames_of(const at::Tensor& frames) {
  ordered_json uris = ordered_json::array();
  for (const std::int64_t i : spread(frames.size(0), kFrames)) {
    uris.push_back(bitmap_uri(shrunk(frames[i])));
  }
  return {{"frames", std::move(uris)}};
}

/// clip: [3, F, H, W], as a reader writes it.
ordered_json clip_frames(const at::Tensor& written) {
  const at::Tensor clip = pipeline::float_input(written.unsqueeze(0))[0];
  const auto row = [](const std::array<float, 3>& values) {
    return at::tensor(at::ArrayRef<float>(values)).view({1, 3, 1, 1});
  };
  return frames_of(clip.transpose(0, 1) * row(pipeline::kImageDeviation<float>) +
                   row(pipeline::kImageMean<float>));
}

/// points: float32 [N, 3]; in [-1, 1], or all of them brought into it by one factor.
ordered_json dots_of(const at::Tensor& points) {
  constexpr double kAround = std::numbers::pi / 6;
  constexpr double kAbove = std::numbers::pi / 7;
  const double reach = std::max(1.0, points.abs().max().item<double>());
  const at::Tensor rows = (points / reach).contiguous();
  const auto* values = rows.const_data_ptr<float>();
  ordered_json dots = ordered_json::array();
  for (const std::int64_t i : spread(rows.size(0), kDots)) {
    const float* point = values + 3 * i;
    const double right = -std::sin(kAround) * point[0] + std::cos(kAround) * point[1];
    const double towards = std::cos(kAround) * point[0] + std::sin(kAround) * point[1];
    const double up = std::cos(kAbove) * point[2] - std::sin(kAbove) * towards;
    dots.push_back({std::lround(50 + 50 * right), std::lround(50 - 50 * up)});
  }
  return {{"dots", std::move(dots)}};
}

/// Centres of the voxels [C, G, G, G] that hold something, in the grid's box [-1, 1].
at::Tensor voxel_points(const at::Tensor& voxels) {
  const at::Tensor zyx = at::nonzero(voxels.abs().amax(0));
  return zyx.flip(1)
      .to(at::kFloat)
      .add(0.5)
      .mul(2.0 / static_cast<double>(voxels.size(1)))
      .sub(1.0);
}

/// Whether a class is one of a sample's labels.
auto is_among(const std::vector<std::int64_t>& labels) {
  return [&labels](std::int64_t found) {
    return std::find(labels.begin(), labels.end(), found) != labels.end();
  };
}

/// Surest first.
std::vector<const Prediction*> wrong_ones(const pipeline::Evaluation& evaluation,
                                          const EvalContext& context) {
  std::vector<const Prediction*> wrong;
  for (const Prediction& row : evaluation.predictions) {
    const std::vector<std::int64_t> labels = labels_of(row, context);
    if (labels.empty() || row.classes.empty()) continue;
    if (!is_among(labels)(row.classes.front())) wrong.push_back(&row);
  }
  std::stable_sort(wrong.begin(), wrong.end(), [](const Prediction* a, const Prediction* b) {
    return a->probabilities.front() > b->probabilities.front();
  });
  return wrong;
}

ordered_json label_probability(const Prediction& row, const std::vector<std::int64_t>& labels) {
  const auto place = std::find_if(row.classes.begin(), row.classes.end(), is_among(labels));
  if (place == row.classes.end()) return nullptr;
  return row.probabilities[static_cast<std::size_t>(place - row.classes.begin())];
}

}  // namespace

ordered_json picture_of(const pipeline::Inputs& inputs) {
  if (const at::Tensor* clip = inputs.find("clip")) return clip_frames(*clip);
  if (const at::Tensor* image = inputs.find("image")) return clip_frames(image->unsqueeze(1));
  if (const at::Tensor* points = inputs.find("points")) return dots_of(*points);
  if (const at::Tensor* voxels = inputs.find("voxels")) return dots_of(voxel_points(*voxels));
  if (const at::Tensor* views = inputs.find("views")) {
    return frames_of(views->narrow(1, 0, 1).expand({-1, 3, -1, -1}));
  }
  return ordered_json::object();
}

ordered_json worst_mistakes(const pipeline::Evaluation& evaluation,
                            const EvalContext& context,
                            std::size_t count) {
  ordered_json mistakes = ordered_json::array();
  for (const Prediction* row : wrong_ones(evaluation, context)) {
    if (mistakes.size() == count) break;
    const std::vector<std::int64_t> labels = labels_of(*row, context);
    mistakes.push_back({{"id", row->id},
                        {"file", context.names[static_cast<std::size_t>(row->id)]},
                        {"labels", labels},
                        {"predicted", row->classes.front()},
                        {"probability", row->probabilities.front()},
                        {"label_probability", label_probability(*row, labels)}});
  }
  return mistakes;
}

void add_pictures(ordered_json& mistakes,
                  const pipeline::SampleSource& source,
                  std::uint64_t seed) {
  for (ordered_json& mistake : mistakes) {
    pipeline::SampleKey first_view;
    first_view.seed = seed;
    mistake.at("id").get_to(first_view.sample);
    const auto sample = source.read(first_view);
    if (sample) mistake.update(picture_of(sample.value().inputs));
  }
}

}  // namespace larkspur::launch
