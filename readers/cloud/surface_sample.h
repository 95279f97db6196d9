// SPDX-License-Identifier: Apache-2.0
// Points drawn uniformly on the surface of a mesh.
//
// A triangle by its share of the area, then a point in it: P = (1 - sqrt r1) A + sqrt r1 (1 - r2) B
// + sqrt r1 r2 C with r1, r2 uniform (Osada, Funkhouser, Chazelle, Dobkin: "Shape distributions",
// ACM Transactions on Graphics 21(4), 2002, section 4.2, equation 1).
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "pipeline/rng.h"
#include "readers/format/mesh.h"

namespace larkspur::readers {

/// `points` places on the surface: float32 [points, 3], CPU, in the mesh's units. Draws are with
/// replacement and depend on the mesh and the generator's state alone. A triangle without area is
/// never drawn. Where no triangle has any, places are drawn among the vertices that triangles use,
/// or among all where there are no triangles.
/// Throws kInvalidArgument for points < 0 or a mesh without vertices.
at::Tensor sample_surface(const Mesh& mesh, std::int64_t points, pipeline::CounterRng& rng);

}  // namespace larkspur::readers
