// SPDX-License-Identifier: Apache-2.0
#include "pipeline/storage/not_weights.h"

#include <algorithm>

namespace larkspur::pipeline {
namespace {

struct KnownStart {
  std::string_view start;
  std::string_view name;
};

constexpr KnownStart kKnown[] = {
    {"<", "a web page, not weights: download the file itself"},
    {"version https://git-lfs", "a Git LFS pointer, not weights: fetch the file with git lfs pull"},
    {"{", "JSON text, not weights: download the file itself"},
    {"\x80", "a pickle as torch wrote before 1.6: torch.load it and torch.save it again"},
    {"PK\x03\x04", "a zip archive as torch writes: name it .pth"},
    {"\x89HDF", "HDF5, not weights: save them as .safetensors or .pth"}};

constexpr std::size_t kSafetensorsLength = 8;  // bytes in front of its JSON

}  // namespace

std::string name_of_not_weights(std::string_view start) {
  if (start.empty()) return "zero bytes: copy or download it again";
  if (start.size() > kSafetensorsLength && start.substr(kSafetensorsLength).starts_with("{\"")) {
    return "safetensors by its first bytes: name it .safetensors";
  }
  const std::size_t blanks = std::min(start.find_first_not_of(" \t\r\n"), start.size());
  const std::string_view content = start.substr(blanks);
  const auto* const known =
      std::find_if(std::begin(kKnown), std::end(kKnown), [&](const auto& row) {
        return content.starts_with(row.start);
      });
  return known == std::end(kKnown) ? std::string() : std::string(known->name);
}

}  // namespace larkspur::pipeline
