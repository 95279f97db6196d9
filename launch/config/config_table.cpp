// SPDX-License-Identifier: Apache-2.0
#include "launch/config/config_table.h"

#include <algorithm>
#include <array>
#include <vector>

#include "launch/config/config_schema.h"

namespace larkspur::launch {
namespace {

using Line = std::array<std::string, 5>;

std::string aligned(const std::vector<Line>& lines) {
  std::array<std::size_t, 5> widths{};
  for (const Line& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text;
  for (const Line& line : lines) {
    std::string row;
    for (std::size_t i = 0; i < line.size(); ++i) {
      row += line[i] + std::string(widths[i] - line[i].size() + 2, ' ');
    }
    row.erase(row.find_last_not_of(' ') + 1);
    text += row + "\n";
  }
  return text;
}

std::string rule_text(ResumeRule rule) {
  switch (rule) {
    case ResumeRule::kMustMatch:
      return "must match";
    case ResumeRule::kSameSamples:
      return "may change, samples and classes must match";
    case ResumeRule::kMayChange:
      return "may change";
    case ResumeRule::kNotRead:
      return "is not read any more, a change is a warning";
    case ResumeRule::kMayDiffer:
      return "may change, with a warning: bits may differ";
  }
  return "";
}

}  // namespace

std::string config_table(const LoadedConfig& loaded) {
  std::vector<Line> lines{{"key", "value", "takes", "meaning", "from"}};
  for (const ConfigKey& key : config_keys()) {
    const auto origin = loaded.origins.find(key.path);
    lines.push_back({std::string(key.path),
                     text_of_value(key.get(loaded.config)),
                     key.expects(),
                     key.full_meaning(),
                     origin == loaded.origins.end() ? "default" : origin->second});
  }
  return aligned(lines);
}

std::string config_table_markdown() {
  std::string text = "| key | default | takes | meaning | resuming |\n|---|---|---|---|---|\n";
  const RunConfig defaults;
  for (const ConfigKey& key : config_keys()) {
    text += "| `" + std::string(key.path) + "` | `" + text_of_value(key.get(defaults)) + "` | " +
            key.expects() + " | " + key.full_meaning() + " | " + rule_text(key.rule) + " |\n";
  }
  return text;
}

}  // namespace larkspur::launch
