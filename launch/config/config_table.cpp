// SPDX-License-Identifier: Apache-2.0
#include "launch/config/config_table.h"

#include "launch/config/aligned_text.h"
#include "launch/config/config_schema.h"

namespace larkspur::launch {
namespace {

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
  TextRows lines{{"key", "value", "takes", "meaning", "from"}};
  for (const ConfigKey& key : config_keys()) {
    const auto origin = loaded.origins.find(key.path);
    lines.push_back({std::string(key.path),
                     text_of_value(key.get(loaded.config)),
                     key.expects(),
                     key.full_meaning(),
                     origin == loaded.origins.end() ? "default" : origin->second});
  }
  return aligned_text(lines);
}

std::string config_differences(const RunConfig& a,
                               const RunConfig& b,
                               const std::string& name_of_a,
                               const std::string& name_of_b) {
  TextRows lines{{"key", name_of_a, name_of_b}};
  for (const ConfigKey* key : differing_keys(a, b)) {
    lines.push_back(
        {std::string(key->path), text_of_value(key->get(a)), text_of_value(key->get(b))});
  }
  return lines.size() > 1 ? aligned_text(lines) : name_of_a + " and " + name_of_b + " are equal\n";
}

std::string config_table_markdown() {
  TextRows rows{{"key", "default", "takes", "meaning", "resuming"}};
  const RunConfig defaults;
  for (const ConfigKey& key : config_keys()) {
    rows.push_back({"`" + std::string(key.path) + "`",
                    "`" + text_of_value(key.get(defaults)) + "`",
                    key.expects(),
                    key.full_meaning(),
                    rule_text(key.rule)});
  }
  return markdown_text(rows);
}

}  // namespace larkspur::launch
