// SPDX-License-Identifier: Apache-2.0
// Volumes in MATLAB's files, as 3DShapeNets has them: chair_000000182_1.mat, `instance` 30 x 30
// x 30.
//
//   128 bytes of header, then elements:  type, bytes (4 each) | content, up to a multiple of 8
//   miCOMPRESSED  a zlib stream of one miMATRIX
//   miMATRIX      elements: flags and class, sizes, name, values, the first axis running fastest
//
// The format: "MAT-File Format" (MathWorks), level 5, which programs write as version 5, 6 or 7.
#pragma once

#include <string_view>

#include "pipeline/result.h"
#include "readers/format/volume.h"

namespace larkspur::readers {

/// The one array of three axes of the file; of several the one called `instance`. Its axes are x, y
/// and z. Real numbers or logicals of any class, every one 0 or 1. Memory is at most twice what the
/// file's bytes unpack to, and no array of more than kLargestVolumeSide^3 numbers is unpacked.
/// Errors name the file: kCorruptData where bytes are cut, contradict each other or hold other
/// values than 0 and 1, or none that is 1; kUnsupported for an array that is no cube, for files
/// without an array of three axes, big-endian ones, and in a build without zlib.
pipeline::Result<Volume> parse_mat(std::string_view bytes, std::string_view name);

}  // namespace larkspur::readers
