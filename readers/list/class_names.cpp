// SPDX-License-Identifier: Apache-2.0
#include "readers/list/class_names.h"

#include <algorithm>
#include <system_error>

#include "pipeline/require.h"
#include "readers/list/list_file.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::require;

std::string spaced(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

}  // namespace

ClassNames::ClassNames(const std::filesystem::path& file) : file_(file) {
  if (file.empty()) return;
  std::error_code error;
  require(std::filesystem::exists(file, error),
          Errc::kNotFound,
          "labels ",
          file.string(),
          ": not found");
  for (const ListLine& line : read_lines(file)) {
    require(add(line.text),
            Errc::kInvalidArgument,
            file.string(),
            ":",
            line.number,
            ": class '",
            line.text,
            "' a second time");
  }
  require(!names_.empty(), Errc::kInvalidArgument, file.string(), ": names no class");
}

ClassNames ClassNames::sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  ClassNames classes;
  for (const std::string& name : names) classes.add(name);
  return classes;
}

std::optional<std::int64_t> ClassNames::find(const std::string& name) const {
  const auto exact = labels_.find(name);
  if (exact != labels_.end()) return exact->second;
  const auto found = spaced_labels_.find(spaced(name));
  return found == spaced_labels_.end() ? std::nullopt : std::optional(found->second);
}

bool ClassNames::add(const std::string& name) {
  if (!labels_.emplace(name, std::ssize(names_)).second) return false;
  spaced_labels_.emplace(spaced(name), std::ssize(names_));
  names_.push_back(name);
  return true;
}

}  // namespace larkspur::readers
