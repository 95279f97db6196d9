// SPDX-License-Identifier: Apache-2.0
#include "launch/run/saved_config.h"

#include "launch/config/config_file.h"
#include "launch/config/config_schema.h"
#include "pipeline/log.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

using pipeline::Errc;
using pipeline::log_info;
using pipeline::log_warn;
using pipeline::require;
using pipeline::text_of;

void append(std::string& list, const std::string& item) {
  list += (list.empty() ? "" : "; ") + item;
}

std::string difference(const ConfigChange& change) {
  return text_of(change.key->path, " is ", change.saved, " there and ", change.now, " here");
}

void refuse_differences(const std::string& differences,
                        const std::string& where,
                        const std::string& next_move) {
  require(differences.empty(),
          Errc::kInvalidArgument,
          where,
          " was written by another configuration: ",
          differences,
          next_move);
}

/// Names and values of the unknown keys in, or not in, a section.
std::string unknown_keys(const LoadedConfig& saved, const std::string& section, bool inside) {
  std::string list;
  for (const UnknownKey& key : saved.unknown) {
    if (key.path.starts_with(section + ".") == inside) append(list, key.path + ": " + key.value);
  }
  return list;
}

void warn_of_unknown(const std::string& keys, const std::string& where) {
  if (keys.empty()) return;
  log_warn(text_of(where,
                   " has keys that this program does not know; they are passed over, nothing here "
                   "depends on them: ",
                   keys));
}

}  // namespace

LoadedConfig loaded_config_of(const pipeline::Checkpoint& checkpoint) {
  const std::string name = (checkpoint.folder() / "manifest.json").string();
  const LoadedConfig saved = parse_config(checkpoint.manifest().run.config, name);
  const std::string of_model = unknown_keys(saved, "model", true);
  require(of_model.empty(),
          Errc::kInvalidArgument,
          name,
          " has keys of the network that this program does not know: ",
          of_model,
          "; use a program at least as new as the one that wrote it");
  warn_of_unknown(unknown_keys(saved, "model", false), name);
  return saved;
}

RunConfig config_of(const pipeline::Checkpoint& checkpoint) {
  return loaded_config_of(checkpoint).config;
}

void compare_for_resume(const LoadedConfig& saved, const RunConfig& now, const std::string& where) {
  const std::string unknown = unknown_keys(saved, "eval", false);
  require(
      unknown.empty(),
      Errc::kInvalidArgument,
      where,
      " was trained with keys that this program does not know, and they may decide the steps to "
      "come: ",
      unknown,
      "; resume with a program at least as new as the one that wrote it, or begin a new run from "
      "its weights: model.weights=",
      where,
      " and another output");
  warn_of_unknown(unknown_keys(saved, "eval", true), where);
  std::string refused;
  std::string changed;
  for (const ConfigChange& change : config_changes(saved.config, now)) {
    const std::string values =
        text_of(change.key->path, " was ", change.saved, ", is ", change.now);
    switch (change.key->rule) {
      case ResumeRule::kMustMatch:
        append(refused, difference(change));
        break;
      case ResumeRule::kSameSamples:
      case ResumeRule::kMayChange:
        append(changed, values);
        break;
      case ResumeRule::kNotRead:
        log_warn(values + ": not read any more, the run continues from its checkpoint");
        break;
      case ResumeRule::kMayDiffer:
        log_warn(values + ": bits may differ from an unbroken run");
    }
  }
  refuse_differences(
      refused,
      where,
      text_of("; to go on, set what is there; for a new run choose another output, and "
              "model.weights=",
              where,
              " begins it from these weights"));
  if (!changed.empty()) log_info("changed since the checkpoint, no bit depends on it: " + changed);
}

void compare_for_evaluation(const RunConfig& saved,
                            const RunConfig& now,
                            const std::string& where) {
  std::string refused;
  for (const ConfigChange& change : config_changes(saved, now)) {
    if (change.key->is_architecture()) append(refused, difference(change));
    if (change.key->role != KeyRole::kSample) continue;
    log_warn(text_of(
        change.key->path, " is ", change.now, ", the checkpoint was trained with ", change.saved));
  }
  refuse_differences(refused, where, "; set what is there");
}

}  // namespace larkspur::launch
