// SPDX-License-Identifier: Apache-2.0
#include "readers/cloud/cloud_source.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <variant>
#include <vector>

#include <ATen/ops/empty.h>

#include "pipeline/require.h"
#include "pipeline/storage/crc32c.h"
#include "readers/cloud/cloud_transform.h"
#include "readers/cloud/surface_sample.h"
#include "readers/file_bytes.h"
#include "readers/format/cloud_file.h"

namespace larkspur::readers {
namespace {

using pipeline::CounterRng;
using pipeline::Errc;
using pipeline::Purpose;
using pipeline::require;
using pipeline::SampleKey;

// The first `count` steps of a Fisher-Yates shuffle: a uniform subset without repetition.
at::Tensor random_rows(const at::Tensor& points_N3, std::int64_t count, const SampleKey& key) {
  std::vector<std::uint32_t> order(static_cast<std::size_t>(points_N3.size(0)));
  std::iota(order.begin(), order.end(), 0U);
  CounterRng rng(key, Purpose::kPoints);
  const at::Tensor points = points_N3.contiguous();
  const auto* from = points.const_data_ptr<float>();
  at::Tensor chosen = at::empty({count, 3}, at::kFloat);
  auto* to = chosen.data_ptr<float>();
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i, to += 3) {
    std::swap(order[i], order[i + rng.below(static_cast<std::uint32_t>(order.size() - i))]);
    std::copy_n(from + std::size_t{3} * order[i], 3, to);
  }
  return chosen;
}

at::Tensor choose_points(const at::Tensor& stored,
                         const CloudSourceOptions& options,
                         const SampleKey& key) {
  at::Tensor points_N3 = stored.narrow(1, 0, 3);
  if (options.points == 0 || options.points >= stored.size(0)) return points_N3;
  if (!options.training && options.subset == pipeline::PointSubset::kFirst) {
    return points_N3.narrow(0, 0, options.points);
  }
  return random_rows(points_N3, options.points, key);
}

at::Tensor draw_points(const Mesh& mesh, const CloudSourceOptions& options, const SampleKey& key) {
  CounterRng rng(key, Purpose::kSurface);
  return sample_surface(mesh, options.points == 0 ? kAllSurfacePoints : options.points, rng);
}

// One file gives one answer, wherever it stands in a list, however often, in whatever company.
SampleKey content_key(std::string_view content, std::uint64_t seed) {
  return {seed, 0, pipeline::crc32c(content.data(), content.size()), 0};
}

// All clouds of one shape, so that they can be stacked.
at::Tensor repeat_up_to(const at::Tensor& points_N3, std::int64_t count) {
  const std::int64_t have = points_N3.size(0);
  if (have >= count) return points_N3.narrow(0, 0, count).contiguous();
  return points_N3.repeat({(count + have - 1) / have, 1}).narrow(0, 0, count).contiguous();
}

pipeline::Inputs inputs_of(const at::Tensor& points_N3, const CloudSourceOptions& options) {
  switch (options.product) {
    case CloudProduct::kViews:
      return {{"views", depth_views(points_N3, options.views)}};
    case CloudProduct::kVoxelsAndViews:
      return {{"voxels", voxelise(points_N3, options.voxels)},
              {"views", depth_views(points_N3, options.views)}};
    case CloudProduct::kPoints:
      return {{"points", repeat_up_to(points_N3, options.points)}};
    case CloudProduct::kVoxels:
      break;
  }
  return {{"voxels", voxelise(points_N3, options.voxels)}};
}

pipeline::Inputs view_of(const CloudFile& cloud,
                         const CloudSourceOptions& options,
                         const SampleKey& key) {
  const auto* const mesh = std::get_if<Mesh>(&cloud);
  at::Tensor points_N3 = mesh != nullptr ? draw_points(*mesh, options, key)
                                         : choose_points(std::get<at::Tensor>(cloud), options, key);
  points_N3 = normalise_unit_sphere(points_N3);
  if (options.training) {
    points_N3 = transform_cloud(points_N3, pipeline::plan_cloud(options.augmentation, key));
  }
  return inputs_of(points_N3, options);
}

}  // namespace

void CloudSourceOptions::check() const {
  require(points >= 0, Errc::kInvalidArgument, "points is ", points, ", not >= 0");
  require(points > 0 || product != CloudProduct::kPoints,
          Errc::kInvalidArgument,
          "points is 0, but samples of points need a number of them");
  voxels.check();
  views.check();
  augmentation.check();
}

CloudSource::CloudSource(SampleList list, CloudSourceOptions options)
    : ListedSource(std::move(list)), options_(options) {
  options_.check();
}

pipeline::Result<std::vector<pipeline::Sample>> CloudSource::read_file(
    std::span<const SampleKey> keys) const {
  const SampleEntry& sample = entry(keys.front().sample);
  const pipeline::Result<FileBytes> bytes = readers::read_file(sample.path);
  if (!bytes.ok()) return bytes.error();
  const pipeline::Result<CloudFile> file = parse_cloud_file(bytes.value().view(), sample.path);
  if (!file.ok()) return file.error();
  SampleKey draws;
  if (!options_.training) draws = content_key(bytes.value().view(), options_.draw_seed);
  std::vector<pipeline::Sample> views;
  for (const SampleKey& key : keys) {
    if (options_.training) draws = key;
    draws.view = key.view;
    views.push_back({view_of(file.value(), options_, draws), {sample.label}});
  }
  return views;
}

}  // namespace larkspur::readers
