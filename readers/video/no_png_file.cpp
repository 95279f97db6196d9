// SPDX-License-Identifier: Apache-2.0
// Stands in for the PNG writer in a build without FFmpeg.
#include "pipeline/require.h"
#include "readers/video/png_file.h"

namespace larkspur::readers {

bool can_write_png() { return false; }

void write_png(const std::filesystem::path& path,
               std::int64_t /*width*/,
               std::int64_t /*height*/,
               std::span<const std::uint8_t> /*grey*/) {
  throw pipeline::Error(
      pipeline::Errc::kUnsupported,
      pipeline::text_of(path.string(), ": this build has no FFmpeg to write PNG files with"));
}

}  // namespace larkspur::readers
