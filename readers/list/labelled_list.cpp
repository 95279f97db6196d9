// SPDX-License-Identifier: Apache-2.0
#include "readers/list/labelled_list.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

#include "pipeline/require.h"
#include "readers/list/folder_walk.h"

namespace larkspur::readers {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::Error;
using pipeline::require;
using pipeline::text_of;

constexpr std::int64_t kMostNumberedClasses = 65536;
constexpr std::array<std::string_view, 3> kHeaderWords{"label", "class", "category"};

// The first split whose label is a class name or a number.
std::pair<std::string, std::int64_t> labelled(const ListLine& line,
                                              const ClassNames& labels,
                                              const fs::path& list) {
  const std::vector<LabelledPath> splits = splits_of(line.text);
  require(!splits.empty(),
          Errc::kInvalidArgument,
          place_of(list, line),
          ": expected a path and a label, found '",
          line.text,
          "'");
  const std::int64_t classes =
      labels.is_empty() ? kMostNumberedClasses : std::ssize(labels.names());
  for (const LabelledPath& split : splits) {
    if (const auto label = labels.find(split.label)) return {split.path, *label};
    const auto label = number_of(split.label);
    if (!label) continue;
    require(*label >= 0 && *label < classes,
            Errc::kInvalidArgument,
            place_of(list, line),
            ": label ",
            *label,
            " is not in [0, ",
            classes,
            ")");
    return {split.path, *label};
  }
  throw Error(Errc::kInvalidArgument,
              text_of(place_of(list, line),
                      ": label '",
                      splits.back().label,
                      labels.is_empty() ? "' is not a number, and no labels name the classes"
                                        : "' is not a class of " + labels.file().string()));
}

}  // namespace

std::optional<std::int64_t> number_of(const std::string& text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && last == end ? std::optional(value) : std::nullopt;
}

bool is_header(const ListLine& line) {
  const std::vector<LabelledPath> splits = splits_of(line.text);
  if (splits.empty()) return false;
  std::string last = splits.back().label;
  for (char& c : last) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(kHeaderWords.begin(), kHeaderWords.end(), last) != kHeaderWords.end();
}

SampleList read_labelled(const std::vector<ListLine>& lines,
                         const fs::path& list,
                         const fs::path& root,
                         const ClassNames& labels) {
  SampleList result;
  std::int64_t classes = 0;
  for (const ListLine& line : lines) {
    if (&line == &lines.front() && is_header(line)) continue;
    const auto [path, label] = labelled(line, labels, list);
    result.entries.push_back({path, root / path, label});
    classes = std::max(classes, label + 1);
  }
  result.classes = labels.names();
  for (std::int64_t i = 0; labels.is_empty() && i < classes; ++i) {
    result.classes.push_back(text_of(i));
  }
  return result;
}

std::string place_of(const fs::path& list, const ListLine& line) {
  return text_of(list.string(), ":", line.number);
}

ListPlace find_list(const ListOptions& options) {
  const fs::path list = options.list.empty() ? options.root : options.list;
  std::error_code error;
  require(fs::exists(list, error), Errc::kNotFound, "list ", list.string(), ": not found");
  const fs::path beside = list.has_parent_path() ? list.parent_path() : fs::path(".");
  const fs::path root = options.root.empty() ? beside : options.root;
  require(is_folder(root), Errc::kNotFound, "root ", root.string(), ": not found");
  return {list, root};
}

}  // namespace larkspur::readers
