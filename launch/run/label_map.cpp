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

void align_labels(readers::SampleList& list,
                  const std::vector<std::string>& classes,
                  const std::string& what) {
  if (are_numbers(list.classes) || are_numbers(classes)) {
    require(list.classes.size() <= classes.size(),
            Errc::kInvalidArgument,
            what,
            " has ",
            list.classes.size(),
            " labels, the model ",
            classes.size(),
            " classes");
  } else {
    std::vector<std::int64_t> new_label;
    for (const std::string& name : list.classes) {
      const auto found = std::find(classes.begin(), classes.end(), name);
      require(found != classes.end(),
              Errc::kInvalidArgument,
              what,
              " has the class '",
              name,
              "', which is not among the model's ",
              classes.size(),
              " classes");
      new_label.push_back(found - classes.begin());
    }
    for (readers::SampleEntry& entry : list.entries) {
      entry.label = new_label[static_cast<std::size_t>(entry.label)];
    }
  }
  list.classes = classes;
}

}  // namespace larkspur::launch
