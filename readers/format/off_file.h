// SPDX-License-Identifier: Apache-2.0
// Meshes from OFF text files, read as strictly as they can be while real ones are still accepted.
//
//   OFF              may be missing; also "OFF490 518 0" (ModelNet-40 glues the counts on), COFF,
//   NOFF, NCOFF, STOFF, 4OFF, ... 490 518 0        vertices, polygons, edges (ignored, may be
//   absent) 0.5 1 -2         one vertex a line; a colour or normal behind it is ignored 4 0 1 2 3
//   0.9    one polygon a line: corners, their vertices, a colour that is ignored
//
// The format: "OFF" in the Geomview manual. Comments, empty lines, CRLF, CR, a byte order mark and
// blanks before the header may stand anywhere.
#pragma once

#include <filesystem>
#include <string_view>

#include "pipeline/result.h"
#include "readers/format/mesh.h"

namespace larkspur::readers {

/// The mesh of an OFF file. Polygons become fans around their first corner; those of one or two
/// corners have no surface and are left out. At least one vertex; coordinates fit float32.
/// Memory is at most 20 times the file's size whatever its header claims.
/// Errors name file, line, what was expected and what was found: kCorruptData for all that
/// contradicts the format (cut short, indices out of range, NaN, leftovers after the last polygon),
/// kUnsupported for binary and n-dimensional OFF, and those of reading a file.
pipeline::Result<Mesh> read_off(const std::filesystem::path& path);

/// The same from text in memory; `name` stands for the file in messages.
pipeline::Result<Mesh> parse_off(std::string_view text, std::string_view name);

}  // namespace larkspur::readers
