// SPDX-License-Identifier: Apache-2.0
// Names of numbered pictures, and the folders of them that are videos: img_00001.jpg, ...
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace larkspur::readers {

struct FrameName {
  std::string word;         ///< in front of the number; may be empty
  std::int64_t number = 0;  ///< >= 0
};

/// Of a picture (.jpg, .jpeg, .png) whose name ends in a number; none of optical flow (flow_...,
/// x_..., y_...) and of other files.
std::optional<FrameName> frame_name(const std::string& file);

/// Whether a folder holds a numbered picture itself. Stops at the first one; false for what cannot
/// be looked into.
bool holds_frames(const std::filesystem::path& folder);

/// The folders, `folder` itself among them, that hold numbered pictures, sorted (folder_walk.h).
std::vector<std::filesystem::path> frame_folders_below(const std::filesystem::path& folder);

}  // namespace larkspur::readers
