// SPDX-License-Identifier: Apache-2.0
#include "launch/run/label_map.h"

#include <algorithm>

#include "pipeline/require.h"

namespace larkspur::launch {

using pipeline::Errc;
using pipeline::require;

bool are_numbers(const std::vector<std::string>& classes) {
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (classes[i] != std::to_string(i)) return false;
  }
  return true;
}

namespace {

/// Labels renumbered by `new_label` of the name that each has in the list.
void renumber(readers::SampleList& list,
              const std::vector<std::string>& classes,
              const std::string& what) {
  std::vector<std::int64_t> new_label;
  for (const std::string& name : list.classes) {
    const auto found = std::find(classes.begin(), classes.end(), name);
    new_label.push_back(found == classes.end() ? -1 : found - classes.begin());
  }
  const auto renumbered = [&](std::int64_t label) {
    const auto old = static_cast<std::size_t>(label);
    require(new_label[old] >= 0,
            Errc::kInvalidArgument,
            what,
            " has the class '",
            list.classes[old],
            "', which is not among the model's ",
            classes.size(),
            " classes");
    return new_label[old];
  };
  for (readers::SampleEntry& entry : list.entries) {
    entry.label = renumbered(entry.label);
    for (std::int64_t& label : entry.more_labels) label = renumbered(label);
  }
}

/// Whether every number of the list is the very name of a class: folders called 1, 2, 3.
bool names_classes(const readers::SampleList& list, const std::vector<std::string>& classes) {
  return std::all_of(list.entries.begin(), list.entries.end(), [&](const auto& entry) {
    const std::vector<std::int64_t> labels = entry.all_labels();
    return std::all_of(labels.begin(), labels.end(), [&](std::int64_t label) {
      const std::string& name = list.classes[static_cast<std::size_t>(label)];
      return std::find(classes.begin(), classes.end(), name) != classes.end();
    });
  });
}

}  // namespace

std::string class_difference(const std::vector<std::string>& there,
                             const std::vector<std::string>& here) {
  if (there.size() != here.size()) {
    return pipeline::text_of(there.size(), " there, ", here.size(), " here");
  }
  const auto [theirs, ours] = std::ranges::mismatch(there, here);
  return pipeline::text_of(
      "class ", ours - here.begin(), " is '", *theirs, "' there, '", *ours, "' here");
}

void align_labels(readers::SampleList& list,
                  const std::vector<std::string>& classes,
                  const std::string& what) {
  if (!list.is_labelled()) {
    list.classes = classes;
    return;
  }
  if (are_numbers(classes)) {
    require(list.classes.size() <= classes.size(),
            Errc::kInvalidArgument,
            what,
            " has ",
            list.classes.size(),
            " labels, the model ",
            classes.size(),
            " classes");
  } else {
    require(!are_numbers(list.classes) || names_classes(list, classes),
            Errc::kInvalidArgument,
            what,
            " has numbers for labels, the model has names: set labels to the file of names, one a "
            "line, that says which number is which");
    renumber(list, classes, what);
  }
  list.classes = classes;
}

}  // namespace larkspur::launch
