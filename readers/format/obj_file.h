// SPDX-License-Identifier: Apache-2.0
// Meshes from Wavefront OBJ text files: one statement a line, told by its first word.
//
//   v 0.5 1 -2          a vertex; a fourth coordinate, a colour or both behind it are ignored
//   f 1 2/7 3//5 4/7/5  a polygon: corners, each a vertex / texture / normal, counted from 1
//   f -4 -3 -2 -1       or back from the vertex read last
//
// The format: "Object Files (.obj)" in the manual of Wavefront's Advanced Visualizer, appendix B1.
#pragma once

#include <filesystem>
#include <string_view>

#include "pipeline/result.h"
#include "readers/format/mesh.h"

namespace larkspur::readers {

/// The mesh of an OBJ file, all its objects and groups together. Polygons become fans around their
/// first corner. At least one vertex; coordinates fit float32. Lines of vt, vn, vp, o, g, s,
/// usemtl, mtllib, l (edges) and p (points) are passed over. Memory is at most 20 times the file's
/// size. Errors name file, line, what was expected and what was found: kCorruptData for all that
/// contradicts the format (corners that are no vertex of the file, NaN, other words),
/// kUnsupported for curves and surfaces in other forms, and those of reading a file.
pipeline::Result<Mesh> read_obj(const std::filesystem::path& path);

/// The same from text in memory; `name` stands for the file in messages.
pipeline::Result<Mesh> parse_obj(std::string_view text, std::string_view name);

}  // namespace larkspur::readers
