// SPDX-License-Identifier: Apache-2.0
// What an evaluation would look at in one file: made by the plans that reading follows, without a
// network.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "launch/config/run_config.h"

namespace larkspur::launch {

/// The same facts twice.
struct ViewListing {
  std::string text;
  std::string json;  ///< one object: file, protocol, fusion, what the file has, views
};

/// Opens the file and lists its views by the configuration's protocol. Errors of the file are
/// thrown as they are.
ViewListing list_views(const RunConfig& config, const std::filesystem::path& file);

/// Defaults for the kind of a file (a clip, a cloud), with overrides. Throws as load_config().
LoadedConfig config_for_file(const std::filesystem::path& file,
                             const std::vector<std::string>& overrides);

}  // namespace larkspur::launch
