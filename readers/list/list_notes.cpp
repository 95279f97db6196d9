// SPDX-License-Identifier: Apache-2.0
#include "readers/list/list_notes.h"

#include <cstddef>
#include <set>
#include <unordered_map>
#include <utility>

#include "pipeline/require.h"

namespace larkspur::readers {
namespace {

using pipeline::text_of;

constexpr std::size_t kNamesTold = 3;

std::string several_labels(const SampleList& list) {
  std::unordered_map<std::string, std::int64_t> first_label;
  std::set<std::string> files;
  std::string example;
  for (const SampleEntry& entry : list.entries) {
    const std::string path = std::filesystem::path(entry.place()).lexically_normal().string();
    const auto [seen, is_new] = first_label.try_emplace(path, entry.label);
    if (is_new || seen->second == entry.label) continue;
    files.insert(path);
    if (!example.empty()) continue;
    example = text_of(entry.name,
                      " as '",
                      list.classes[static_cast<std::size_t>(seen->second)],
                      "' and as '",
                      list.classes[static_cast<std::size_t>(entry.label)],
                      "'");
  }
  if (files.empty()) return {};
  return text_of("files under more than one label: ", files.size(), ", the first ", example);
}

std::string classes_without_sample(const SampleList& list) {
  std::vector<bool> has_sample(list.classes.size(), false);
  for (const SampleEntry& entry : list.entries) {
    for (const std::int64_t label : entry.all_labels()) {
      has_sample[static_cast<std::size_t>(label)] = true;
    }
  }
  std::size_t missing = 0;
  std::string names;
  for (std::size_t i = 0; i < has_sample.size(); ++i) {
    if (has_sample[i] || ++missing > kNamesTold) continue;
    names += text_of(missing > 1 ? ", '" : "'", list.classes[i], "'");
  }
  if (missing == 0) return {};
  if (missing > kNamesTold) names += ", ...";
  return text_of("classes without a sample: ", missing, " of ", list.classes.size(), ", ", names);
}

}  // namespace

std::vector<std::string> notes_on(const SampleList& list) {
  std::vector<std::string> notes;
  if (!list.is_labelled()) return notes;
  for (std::string note : {several_labels(list), classes_without_sample(list)}) {
    if (!note.empty()) notes.push_back(std::move(note));
  }
  return notes;
}

}  // namespace larkspur::readers
