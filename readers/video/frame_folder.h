// SPDX-License-Identifier: Apache-2.0
// A folder of numbered pictures as a video: img_00001.jpg, img_00002.jpg, ...
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "readers/video/video_file.h"

namespace larkspur::readers {

/// The pictures (.jpg, .jpeg, .png) of a folder whose names are one word and a number, in order of
/// the numbers, which begin anywhere. Optical flow beside them (flow_..., x_..., y_...) and
/// pictures without a number are no frames. Throws kIo where there is none, kUnsupported
/// where words differ, kCorruptData naming a number that is missing or there twice.
std::vector<std::filesystem::path> frames_in(const std::filesystem::path& folder);

/// Frame k is picture k; no rate is known. A picture of another size than the first is kCorruptData
/// where it is read. Errors name the folder or the picture.
pipeline::Result<std::unique_ptr<VideoFile>> open_frame_folder(const std::filesystem::path& folder);

}  // namespace larkspur::readers
