// SPDX-License-Identifier: Apache-2.0
// Clouds as plain text, one point a line: .txt, .xyz, and the files of modelnet40_normal_resampled.
#pragma once

#include <filesystem>
#include <string_view>

#include <ATen/core/Tensor.h>

#include "pipeline/result.h"

namespace larkspur::readers {

/// The numbers of a file as float32 [N, C], CPU, contiguous; N >= 1, C >= 3 the same on each line:
/// x, y, z, then what the file adds (a normal, a colour); where a comment in front names columns
/// (//Z X Y), x, y, z are those. Separated by blanks, commas or semicolons, one of them in a
/// line: `0,5 0,25` is refused, as its commas may be decimal ones. Comments (# anywhere, // at
/// the start of a line), empty lines and CRLF are accepted. Coordinates far from the origin are
/// moved there before they are rounded (local_origin.h). Errors name file and line: kCorruptData
/// where a line has another form (so also NaN and lines of another width), and those of reading a
/// file.
pipeline::Result<at::Tensor> read_cloud_text(const std::filesystem::path& path);

/// The same from text in memory; `name` stands for the file in messages.
pipeline::Result<at::Tensor> parse_cloud_text(std::string_view text, std::string_view name);

}  // namespace larkspur::readers
