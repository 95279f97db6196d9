// SPDX-License-Identifier: Apache-2.0
// Class names and the label of each: a names file, or what a list itself says.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace larkspur::readers {

/// A one-to-one map of names and labels [0, n). A value.
class ClassNames {
 public:
  ClassNames() = default;

  /// One name a line, in label order. An empty path gives no names. Throws kNotFound naming the
  /// file; kInvalidArgument for a name that comes twice or a file without names.
  explicit ClassNames(const std::filesystem::path& file);

  /// Sorted, each once.
  static ClassNames sorted(std::vector<std::string> names);

  bool is_empty() const { return names_.empty(); }
  const std::vector<std::string>& names() const { return names_; }

  /// Where they come from, for messages; empty for sorted().
  const std::filesystem::path& file() const { return file_; }

  /// The label of a name; blanks and underscores count as the same, as people rename folders. A
  /// name that is there letter by letter comes first, then the first one in label order.
  std::optional<std::int64_t> find(const std::string& name) const;

 private:
  bool add(const std::string& name);

  std::filesystem::path file_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::int64_t> labels_;
  std::unordered_map<std::string, std::int64_t> spaced_labels_;  // underscores as blanks
};

}  // namespace larkspur::readers
