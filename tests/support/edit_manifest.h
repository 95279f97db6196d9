// SPDX-License-Identifier: Apache-2.0
// A checkpoint's manifest changed by hand, as an older or later version would have written it.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "pipeline/storage/crc32c.h"
#include "pipeline/storage/durable_file.h"

namespace larkspur::testing {

/// Calls edit(manifest) and puts the checksum right.
template <typename Edit>
void edit_manifest(const std::filesystem::path& checkpoint, const Edit& edit) {
  using pipeline::read_file;
  nlohmann::json manifest = nlohmann::json::parse(read_file(checkpoint / "manifest.json"));
  edit(manifest);
  const std::string text = manifest.dump();
  char crc[9];
  std::snprintf(crc, sizeof(crc), "%08x", pipeline::crc32c(text.data(), text.size()));
  pipeline::write_and_rename(checkpoint / "manifest.json", text);
  pipeline::write_and_rename(checkpoint / "manifest.crc", crc);
}

}  // namespace larkspur::testing
