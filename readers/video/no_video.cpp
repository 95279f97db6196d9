// SPDX-License-Identifier: Apache-2.0
// Stands in for the video sources in a build without FFmpeg.
#include "pipeline/require.h"
#include "readers/video/video_file.h"

namespace larkspur::readers {
namespace {

pipeline::Error refusal(const std::string& name) {
  return {pipeline::Errc::kUnsupported,
          pipeline::text_of(name, ": this build has no FFmpeg to read videos with")};
}

}  // namespace

pipeline::Result<std::unique_ptr<VideoFile>> VideoFile::open(const std::filesystem::path& path,
                                                             std::shared_ptr<const VideoRecord>) {
  return refusal(path.string());
}

pipeline::Result<std::unique_ptr<VideoFile>> VideoFile::open(std::unique_ptr<ByteSource> source,
                                                             std::shared_ptr<const VideoRecord>) {
  return refusal(source->name());
}

std::string video_readers() { return "none"; }

pipeline::Result<VideoFacts> check_video(const std::filesystem::path& path) {
  return refusal(path.string());
}

pipeline::Result<at::Tensor> read_frames(VideoFile&, std::span<const std::int64_t>) {
  return refusal("");
}

}  // namespace larkspur::readers
