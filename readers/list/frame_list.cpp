// SPDX-License-Identifier: Apache-2.0
#include "readers/list/frame_list.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/require.h"
#include "readers/file_kind.h"
#include "readers/list/folder_walk.h"

namespace larkspur::readers {
namespace {

constexpr std::string_view kBetweenFields = "\t, ";

struct FrameLine {
  std::string path;
  std::int64_t frames = 0;
  std::string labels;
};

// From the end, as long as fields are numbers.
std::optional<FrameLine> frame_line(const std::string& text, bool several_labels) {
  std::optional<FrameLine> found;
  std::size_t end = text.size();
  std::size_t labels = text.size();
  for (int count = 1;; ++count) {
    const std::size_t before = text.find_last_of(kBetweenFields, end - 1);
    if (before == std::string::npos) break;
    const std::size_t path_end = text.find_last_not_of(kBetweenFields, before);
    const auto number = number_of(text.substr(before + 1, end - before - 1));
    if (!number || *number < 0 || path_end == std::string::npos) break;
    if (count > 1) {
      found = {text.substr(0, path_end + 1), *number, text.substr(labels)};
    }
    if (count > 1 && !several_labels) break;
    labels = before + 1;
    end = path_end + 1;
  }
  if (!found) return std::nullopt;
  std::erase(found->path, '"');
  return has_sample_name(found->path) || found->path.empty() ? std::nullopt : found;
}

}  // namespace

bool is_frame_list(const std::vector<ListLine>& lines,
                   const std::filesystem::path& root,
                   bool several_labels) {
  const auto line_of = [&](const ListLine& line) { return frame_line(line.text, several_labels); };
  return std::all_of(lines.begin(), lines.end(), [&](const auto& l) { return line_of(l); }) &&
         std::any_of(lines.begin(), lines.end(), [&](const auto& l) {
           const auto line = line_of(l);
           return line->frames > 0 && is_folder(path_below(root, line->path));
         });
}

bool has_several_labels(const std::vector<ListLine>& lines, const std::filesystem::path& root) {
  std::int64_t balance = 0;
  for (const ListLine& line : lines) {
    const auto one = frame_line(line.text, /*several_labels=*/false);
    const auto several = frame_line(line.text, /*several_labels=*/true);
    if (!one || !several || one->path == several->path) continue;
    balance += is_folder(path_below(root, several->path)) ? 1 : 0;
    balance -= is_folder(path_below(root, one->path)) ? 1 : 0;
  }
  return balance > 0;
}

std::optional<pipeline::Error> listed_frames_error(const std::filesystem::path& folder,
                                                   std::optional<std::int64_t> listed,
                                                   std::optional<std::int64_t> there) {
  std::string text;
  if (listed == 0) text = ": the list names 0 pictures of it: unpack the video, or drop the line";
  if (there && listed > *there) {
    text =
        pipeline::text_of(": holds ", *there, " of the ", *listed, " pictures that the list names");
  }
  if (text.empty()) return std::nullopt;
  return pipeline::Error(pipeline::Errc::kCorruptData, folder.string() + text);
}

SampleList read_frame_list(const std::vector<ListLine>& lines,
                           const ListPlace& place,
                           const ClassNames& labels,
                           bool several_labels) {
  std::vector<ListLine> plain;
  std::vector<std::int64_t> frames;
  for (const ListLine& line : lines) {
    const auto fields = frame_line(line.text, several_labels);
    plain.push_back({line.number, '"' + fields->path + "\"\t" + fields->labels});
    frames.push_back(fields->frames);
  }
  SampleList list = read_labelled(plain, place, labels, several_labels);
  for (std::size_t i = 0; i < frames.size(); ++i) list.entries[i].frames = frames[i];
  return list;
}

}  // namespace larkspur::readers
