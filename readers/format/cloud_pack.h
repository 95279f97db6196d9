// SPDX-License-Identifier: Apache-2.0
// Packs of many clouds in one HDF5 file, as ModelNet-40 is handed round for networks on points.
//
//   data [S, N, C]   clouds, C >= 3: x, y, z, ...        label [S] or [S, 1]   whole numbers
//   normal [S, N, 3]                                      anything else is not looked at
//
// Layout: modelnet40_ply_hdf5_2048 (Qi, Su, Mo, Guibas: PointNet, 2017). HDF5's library has one
// thread's state; calls take turns.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include <ATen/core/Tensor.h>

#include "pipeline/result.h"

namespace larkspur::readers {

/// What a pack holds, without its points.
struct PackFacts {
  std::int64_t clouds = 0;           ///< S, > 0
  std::int64_t points = 0;           ///< N, > 0
  std::vector<std::int64_t> labels;  ///< [S], >= 0; empty where the file has none
};

/// Reads sizes and labels. Errors name the file: kNotFound, kIo, kCorruptData (no HDF5, no `data`,
/// another shape, sizes that such a file cannot hold, labels of another number or below 0),
/// kUnsupported in a build without HDF5, with the way out.
pipeline::Result<PackFacts> read_pack_facts(const std::filesystem::path& path);

/// All clouds, float32 [S, N, 3], or [S, N, 6] with normals where they are asked for and there.
/// Values as they are stored, finite or not. Errors as above.
pipeline::Result<at::Tensor> read_pack_points(const std::filesystem::path& path,
                                              bool with_normals = false);

}  // namespace larkspur::readers
