// SPDX-License-Identifier: Apache-2.0
// A grey picture into a PNG file, by FFmpeg's encoder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

namespace larkspur::readers {

/// False in a build without FFmpeg, and where FFmpeg has no PNG encoder.
bool can_write_png();

/// Writes `grey` [height][width], 8 bits a pixel, rows close together; an existing file is
/// replaced. The same pixels give the same bytes. Throws kInvalidArgument for sizes outside
/// [1, 16384] or that are not those of `grey`, kUnsupported where can_write_png() is false, kIo
/// naming the file.
void write_png(const std::filesystem::path& path,
               std::int64_t width,
               std::int64_t height,
               std::span<const std::uint8_t> grey);

}  // namespace larkspur::readers
