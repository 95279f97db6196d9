// SPDX-License-Identifier: Apache-2.0
// Clouds as samples: from a list entry and a key to the voxels or pictures that a network sees.
//
//   file -- surface points, or the stored ones -- choose -- unit sphere -- a plan for each view --
//   voxels, depth pictures, both of the same points, or the points themselves
//
// The key decides every draw in training, the file's content in evaluation, so a sample is the same
// in any thread, on any rank, after any restart.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "pipeline/plan/cloud_views.h"
#include "readers/cloud/depth_views.h"
#include "readers/cloud/voxel_grid.h"
#include "readers/list/listed_source.h"

namespace larkspur::readers {

class PackMemory;

/// Points drawn on a mesh when all are asked for: as many as modelnet40_normal_resampled has.
inline constexpr std::int64_t kAllSurfacePoints = 10000;

/// What a sample is made of.
enum class CloudProduct : std::uint8_t {
  kVoxels,          ///< "voxels", float32 [C, G, G, G], voxel_grid.h
  kViews,           ///< "views", float32 [V, C, S, S], depth_views.h
  kVoxelsAndViews,  ///< the two, of the same points
  kPoints,  ///< "points", float32 [P, 3], P = points; a smaller cloud is repeated in order up to P
};

struct CloudSourceOptions {
  std::int64_t points = 1024;  ///< of each cloud, >= 0 (product kPoints: > 0); 0: all. A cloud of
                               ///< fewer gives all it has
  CloudProduct product = CloudProduct::kVoxels;
  VoxelGridOptions voxels{};  ///< grid size and what a voxel holds; used where there are any
  DepthViewOptions views{};   ///< viewpoints and pictures; used where there are any
  pipeline::CloudViews eval_views{};                             ///< used outside training
  pipeline::PointSubset subset = pipeline::PointSubset::kDrawn;  ///< what kSubset of them takes
  bool training = false;  ///< random points and augmentation by the key; else the same always
  pipeline::CloudAugmentation augmentation{};  ///< used in training only
  std::uint64_t draw_seed = 0;                 ///< of what is drawn outside training

  /// Throws kInvalidArgument naming the field at fault and its value.
  void check() const;
};

/// What a source makes points or voxels of.
enum class StoredKind : std::uint8_t {
  kPoints,
  kMesh,
  kCells,  ///< of a volume, where they are the voxels
};

/// Views of one cloud.
struct PlannedCloud {
  StoredKind kind = StoredKind::kPoints;
  std::int64_t stored = 0;                 ///< points of the file, vertices of a mesh, full cells
  std::int64_t chosen = 0;                 ///< that all views are made of
  std::vector<pipeline::CloudPlan> plans;  ///< one a view
};

/// Inputs as the product says. In training a mesh is sampled by the key and a stored cloud gives a
/// random subset, both then augmented. Outside it points are chosen and turned as `eval_views`
/// says; what is drawn for that is drawn by (draw_seed, content, view), the content being the
/// stored points or, of a mesh, the bytes of its file: one shape gives one answer in any list and
/// in any format that keeps its points. A volume's full cells are the voxels themselves
/// (volume_points.h) where the product is kVoxels and a voxel tells occupancy: all of them whatever
/// `points` and the choice of `eval_views` are, turned, scaled and shifted like points but never
/// fitted into the sphere; else their centres are the stored points of a cloud. Owns its list.
/// Const and callable from many threads at once.
class CloudSource final : public ListedSource {
 public:
  /// Throws kInvalidArgument for options out of range or an empty list. Opens no file.
  CloudSource(SampleList list, CloudSourceOptions options);
  ~CloudSource() override;

  /// What an evaluation would do to these views of one cloud. Errors as read_views().
  pipeline::Result<PlannedCloud> plan_views(std::span<const pipeline::SampleKey> keys) const;

 private:
  pipeline::Result<std::vector<pipeline::Sample>> read_file(
      std::span<const pipeline::SampleKey> keys) const override;

  struct OpenedCloud;
  pipeline::Result<OpenedCloud> open(const SampleEntry& sample) const;

  CloudSourceOptions options_;
  std::unique_ptr<PackMemory> packs_;  // kept behind a const source, which many threads read
};

}  // namespace larkspur::readers
