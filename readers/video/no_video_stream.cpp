// SPDX-License-Identifier: Apache-2.0
// Stands in for streams in a build without FFmpeg.
#include "pipeline/require.h"
#include "readers/video/video_stream.h"

namespace larkspur::readers {

std::unique_ptr<VideoStream> VideoStream::open(const std::string& address) {
  throw pipeline::Error(pipeline::Errc::kUnsupported,
                        address + ": this build has no FFmpeg to read streams with");
}

}  // namespace larkspur::readers
