// SPDX-License-Identifier: Apache-2.0
// Stands in for the video writer in a build without FFmpeg.
#include "pipeline/require.h"
#include "readers/video/video_writer.h"

namespace larkspur::readers {

void VideoFormat::check() const {}

bool can_write_video() { return false; }

void write_video(const std::filesystem::path& path, const VideoFormat&, const DrawFrame&) {
  throw pipeline::Error(
      pipeline::Errc::kUnsupported,
      pipeline::text_of(path.string(), ": this build has no FFmpeg to write videos with"));
}

}  // namespace larkspur::readers
