// SPDX-License-Identifier: Apache-2.0
// From YAML text and `key=value` arguments to a checked configuration. The only user of the YAML
// parser.
//
//   base.yaml <- config.yaml <- key=value ...      later ones win, all must be known and well typed
//
// Every message begins with the place: "configs/x.yaml:12: " or "argument 'a.b=c': ".
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "launch/config/config_schema.h"
#include "launch/config/run_config.h"

namespace larkspur::launch {

/// A configuration as people name it: its file, or the folder of a run, which keeps its own.
std::filesystem::path config_path(const std::filesystem::path& named);

/// Reads a file, the one other file it may name with `base:` (relative to the file's own folder; a
/// base has no base), then the overrides, and checks the result (bounds, and what must hold between
/// keys; not whether data is there). Keys that nobody sets keep their defaults. An override is
/// "dotted.key=value", its value a YAML scalar or list; two of one key are refused.
///
/// Throws kNotFound when the file or its base is not there, with the nearest name in the same
/// folder; kInvalidArgument for bad syntax, an unknown key (with the nearest known one), a key
/// given twice, a wrong type, a value out of bounds, and what check() refuses.
LoadedConfig load_config(const std::filesystem::path& file,
                         const std::vector<std::string>& overrides = {});

/// Puts overrides into a configuration and checks the result, as load_config() does.
void override_config(LoadedConfig& loaded, const std::vector<std::string>& overrides);

/// Reads a whole configuration from text, as a checkpoint keeps it; `name` stands for the file in
/// messages. No base, no overrides. Other programs may have written it: retired names are read as
/// what they are called now, keys this program does not know go to `unknown`, and who asks decides
/// what that means. Throws kInvalidArgument as load_config() for everything else.
LoadedConfig parse_config(const std::string& text,
                          const std::string& name,
                          std::span<const RetiredKey> retired = retired_keys());

/// Sets one key from the text of an option or of a file's metadata: a YAML scalar; lists also as
/// 5x13x13 or 5,13,13. `place` is remembered as where it was set. Throws kInvalidArgument naming
/// place, key, what was expected and found.
void set_key(LoadedConfig& loaded,
             const ConfigKey& key,
             const std::string& text,
             const std::string& place);

}  // namespace larkspur::launch
