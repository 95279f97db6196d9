// SPDX-License-Identifier: Apache-2.0
// What the network is fed with, as a table: a new kind of input is a row.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model3d/layers/extent.h"

namespace larkspur::model3d {

/// How an input's axes become those of a map.
enum class Layout : std::uint8_t {
  kMap,          ///< [N,C,D,H,W], as it is
  kDifferences,  ///< [N,C,T,H,W]: each frame less the one before it, zeros for the first
  kPicture,      ///< [N,C,H,W]: D is 1
  kScanLines,  ///< [N,C,T,H,W], T = r * r: the memory of each channel read as one [r*H,r*W] picture
  kTiles,   ///< [N,C,T,H,W], T = r * r: frame t is tile (t / r, t mod r) of one [r*H,r*W] picture
  kViews,   ///< [N,V,C,H,W]: every view a picture of its own, [N*V,C,1,H,W]
  kFrames,  ///< [N,C,T,H,W]: every frame a picture of its own, [N*T,C,1,H,W]
};

/// Inputs of form joint.
inline constexpr const char* kVoxelInput = "voxels";
inline constexpr const char* kViewInput = "views";

/// What stands between inputs and head; feature_extractor.h has a class for each.
enum class ExtractorKind : std::uint8_t { kMap, kViews, kFrames, kPoints, kCells, kJoint };

/// Strides along time: of the stem (1, 2 or 4), then of the three downsamplings (1 or 2).
using TemporalStrides = std::array<std::int64_t, 4>;

/// One row: a value, lives for ever.
struct Form {
  std::string_view name;     ///< as configurations say it
  std::int64_t in_channels;  ///< of the input, unless told otherwise (ModelOptions::cell_channels)
  Extent3 small_taps;        ///< of stem, downsampling and small blocks; one tap: no stride there
  Extent3 kernel;            ///< of the large blocks, unless told otherwise
  std::int64_t stem_stride;  ///< unless told otherwise
  Layout layout;
  std::optional<TemporalStrides> temporal_strides{};  ///< unless told otherwise; none: D is no time
  ExtractorKind extractor =
      ExtractorKind::kMap;  ///< kPoints: the rest of the row is about the pictures drawn;
                            ///< kCells: of the input and of the map it becomes;
                            ///< kJoint: about the voxels, the row `views` has the pictures

  /// What a sample consists of, as sources name it (pipeline/inputs.h): "voxels", "views",
  /// "points", "image" or "clip"; of form joint, "voxels" and "views".
  std::vector<std::string> input_names() const;

  /// Whether kernels of the entry of that name have two axes, so that [.., 1, H, W] is published as
  /// [.., H, W].
  bool is_flat(std::string_view entry) const {
    return small_taps[0] == 1 ||
           (extractor == ExtractorKind::kJoint && entry.starts_with("views."));
  }

  /// The input with its channels checked, as [N,C,D,H,W]; `channels` of a network that takes
  /// others than the form's row. May share memory. Throws kInvalidArgument naming the shape and the
  /// form, and the frames where they are no square.
  at::Tensor as_map(const at::Tensor& input, std::int64_t channels) const;
  at::Tensor as_map(const at::Tensor& input) const { return as_map(input, in_channels); }

  /// How many pictures of its own as_map() makes of each sample of `input`.
  std::int64_t pictures_of(const at::Tensor& input) const;
};

/// For clouds `voxel` (grids [N,C,G,G,G], C 1 unless told otherwise), `views` (pictures from around
/// [N,V,3,S,S]), `points` ([N,P,3]: pictures the network draws), `cells` ([N,P,3]: a map the
/// network fills), `joint` (voxels and views); `image` ([N,3,H,W]); for clips [N,3,T,H,W]: `clip`
/// (as it is), `differences` (what changes from frame to frame: RGB difference of temporal segment
/// networks), `raw` (scan lines, as the released video code of arXiv 2410.08049 lays frames out),
/// `grid` (tiles, as its text has them), `frames` (each by itself, as temporal segment networks do,
/// Wang et al. 2016, arXiv 1608.00859: what no order of frames can tell). Throws kInvalidArgument
/// that lists all names.
const Form& find_form(std::string_view name);

}  // namespace larkspur::model3d
