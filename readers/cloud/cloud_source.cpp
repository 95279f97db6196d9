// SPDX-License-Identifier: Apache-2.0
#include "readers/cloud/cloud_source.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>

#include "pipeline/random_subset.h"
#include "pipeline/require.h"
#include "pipeline/storage/crc32c.h"
#include "readers/cloud/cloud_transform.h"
#include "readers/cloud/farthest_points.h"
#include "readers/cloud/pack_memory.h"
#include "readers/cloud/surface_sample.h"
#include "readers/cloud/volume_points.h"
#include "readers/file_bytes.h"
#include "readers/format/cloud_file.h"

namespace larkspur::readers {
namespace {

using pipeline::CounterRng;
using pipeline::Errc;
using pipeline::Purpose;
using pipeline::require;
using pipeline::SampleKey;

at::Tensor random_rows(const at::Tensor& points_N3, std::int64_t count, const SampleKey& key) {
  CounterRng rng(key, Purpose::kPoints);
  const at::Tensor points = points_N3.contiguous();
  const auto* from = points.const_data_ptr<float>();
  at::Tensor chosen = at::empty({count, 3}, at::kFloat);
  auto* to = chosen.data_ptr<float>();
  const auto size = static_cast<std::uint32_t>(points.size(0));
  for (const std::uint32_t row :
       pipeline::random_subset(size, static_cast<std::uint32_t>(count), rng)) {
    to = std::copy_n(from + std::size_t{3} * row, 3, to);
  }
  return chosen;
}

at::Tensor draw_points(const Mesh& mesh, std::int64_t count, const SampleKey& key) {
  CounterRng rng(key, Purpose::kSurface);
  return sample_surface(mesh, count == 0 ? kAllSurfacePoints : count, rng);
}

/// `count` of a cloud (0: all) as they are stored or drawn; of a mesh drawn.
at::Tensor points_of(const CloudFile& cloud,
                     std::int64_t count,
                     const SampleKey& key,
                     bool take_first) {
  if (const auto* const mesh = std::get_if<Mesh>(&cloud)) return draw_points(*mesh, count, key);
  const at::Tensor points_N3 = std::get<at::Tensor>(cloud).narrow(1, 0, 3);
  if (count == 0 || count >= points_N3.size(0)) return points_N3;
  return take_first ? points_N3.narrow(0, 0, count) : random_rows(points_N3, count, key);
}

/// The points that all views of an evaluation are made of, in the unit sphere; of a volume all of
/// its cells, where its grid lies.
at::Tensor points_for_views(const CloudFile& cloud,
                            const CloudSourceOptions& options,
                            const SampleKey& key) {
  using pipeline::PointChoice;
  if (const auto* const volume = std::get_if<Volume>(&cloud)) {
    return cell_centres(*volume, options.voxels.grid);
  }
  const PointChoice choice = options.eval_views.points;
  if (choice == PointChoice::kSubset || choice == PointChoice::kFirst) {
    const bool first =
        choice == PointChoice::kFirst || options.subset == pipeline::PointSubset::kFirst;
    return normalise_unit_sphere(points_of(cloud, options.points, key, first));
  }
  const at::Tensor all_N3 = normalise_unit_sphere(points_of(cloud, 0, key, true));
  const std::int64_t stored = all_N3.size(0);
  const std::int64_t wanted = options.points == 0 ? stored : std::min(options.points, stored);
  const std::int64_t count =
      choice == PointChoice::kFarthest ? wanted : pipeline::drawn_from(wanted, stored);
  if (count == stored) return all_N3;  // their order would be all that changes
  return all_N3.index_select(0, farthest_points(all_N3, count));
}

// One file gives one answer, wherever it stands in a list, however often, in whatever company; and
// so do the same points in another file.
std::uint32_t content_of(const CloudFile& cloud, std::string_view bytes) {
  if (const auto* const volume = std::get_if<Volume>(&cloud)) {
    return pipeline::crc32c(volume->cells.const_data_ptr<std::uint8_t>(), volume->cells.nbytes());
  }
  const auto* const stored = std::get_if<at::Tensor>(&cloud);
  if (stored == nullptr) return pipeline::crc32c(bytes.data(), bytes.size());
  const at::Tensor points_N3 = stored->narrow(1, 0, 3).contiguous();
  return pipeline::crc32c(points_N3.const_data_ptr<float>(),
                          static_cast<std::size_t>(points_N3.nbytes()));
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

pipeline::Inputs training_view(const CloudFile& cloud,
                               const CloudSourceOptions& options,
                               const SampleKey& key) {
  pipeline::CloudPlan plan = pipeline::plan_cloud(options.augmentation, key);
  if (const auto* const volume = std::get_if<Volume>(&cloud)) {
    plan.fit = false;  // cells are scored where they lie in their grid, in no sphere
    return inputs_of(transform_cloud(cell_centres(*volume, options.voxels.grid), plan), options);
  }
  const at::Tensor points_N3 = normalise_unit_sphere(points_of(cloud, options.points, key, false));
  return inputs_of(transform_cloud(points_N3, plan), options);
}

/// Of points_for_views(); `points` as the options have it, 0 for all.
pipeline::Inputs eval_view(at::Tensor points_N3,
                           std::int64_t points,
                           const CloudSourceOptions& options,
                           const SampleKey& key) {
  if (options.eval_views.points == pipeline::PointChoice::kFarthestDrawn && points > 0 &&
      points_N3.size(0) > points) {
    points_N3 = random_rows(points_N3, points, key);
  }
  return inputs_of(transform_cloud(points_N3, pipeline::plan_cloud_view(options.eval_views, key)),
                   options);
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
    : ListedSource(std::move(list)), options_(options), packs_(std::make_unique<PackMemory>()) {
  options_.check();
}

CloudSource::~CloudSource() = default;

namespace {

/// Whether a volume's cells become voxels themselves; else their centres are points like others.
bool takes_cells(const CloudSourceOptions& options) {
  return options.product == CloudProduct::kVoxels && options.voxels.value == VoxelValue::kOccupancy;
}

}  // namespace

/// A cloud and what draws for an evaluation depend on.
struct CloudSource::OpenedCloud {
  CloudFile file;
  SampleKey draws;
};

pipeline::Result<CloudSource::OpenedCloud> CloudSource::open(const SampleEntry& sample) const {
  std::string_view content;
  std::optional<FileBytes> bytes;
  pipeline::Result<CloudFile> file = CloudFile();
  if (sample.row) {
    const auto points_N3 = packs_->read(sample.path, *sample.row);
    if (!points_N3.ok()) return points_N3.error();
    file = CloudFile(points_N3.value());
  } else {
    pipeline::Result<FileBytes> whole = readers::read_file(sample.path);
    if (!whole.ok()) return whole.error();
    bytes.emplace(std::move(whole).value());
    content = bytes->view();
    file = parse_cloud_file(content, sample.path);
    if (!file.ok()) return file.error();
  }
  if (const auto* const volume = std::get_if<Volume>(&file.value())) {
    if (!takes_cells(options_)) file = CloudFile(cell_centres(*volume, volume->side()));
  }
  const std::uint32_t crc = options_.training ? 0 : content_of(file.value(), content);
  return OpenedCloud{std::move(file).value(), {options_.draw_seed, 0, crc, 0}};
}

namespace {

StoredKind stored_kind(const CloudFile& file) {
  if (std::holds_alternative<Volume>(file)) return StoredKind::kCells;
  return std::holds_alternative<Mesh>(file) ? StoredKind::kMesh : StoredKind::kPoints;
}

std::int64_t stored_in(const CloudFile& file) {
  if (const auto* const volume = std::get_if<Volume>(&file)) return volume->full;
  const auto* const mesh = std::get_if<Mesh>(&file);
  return mesh != nullptr ? std::ssize(mesh->vertices) : std::get<at::Tensor>(file).size(0);
}

}  // namespace

pipeline::Result<PlannedCloud> CloudSource::plan_views(std::span<const SampleKey> keys) const {
  const auto opened = open(entry(keys.front().sample));
  if (!opened.ok()) return opened.error();
  const auto& [file, draws] = opened.value();
  PlannedCloud planned{stored_kind(file), stored_in(file), 0, {}};
  planned.chosen = points_for_views(file, options_, draws).size(0);
  for (SampleKey key : keys) {
    const std::uint16_t view = key.view;
    key = draws;
    key.view = view;
    planned.plans.push_back(pipeline::plan_cloud_view(options_.eval_views, key));
  }
  return planned;
}

pipeline::Result<std::vector<pipeline::Sample>> CloudSource::read_file(
    std::span<const SampleKey> keys) const {
  const SampleEntry& sample = entry(keys.front().sample);
  const auto opened = open(sample);
  if (!opened.ok()) return opened.error();
  SampleKey draws = opened.value().draws;
  at::Tensor points_N3;
  if (!options_.training) points_N3 = points_for_views(opened.value().file, options_, draws);
  const bool is_volume = std::holds_alternative<Volume>(opened.value().file);
  std::vector<pipeline::Sample> views;
  for (const SampleKey& key : keys) {
    draws.view = key.view;
    views.push_back({options_.training
                         ? training_view(opened.value().file, options_, key)
                         : eval_view(points_N3, is_volume ? 0 : options_.points, options_, draws),
                     sample_labels(sample)});
  }
  return views;
}

}  // namespace larkspur::readers
