// SPDX-License-Identifier: Apache-2.0
// From YAML text and `key=value` arguments to a checked configuration. The only user of the YAML
// parser.
//
//   base.yaml <- config.yaml <- key=value ...      later ones win, all must be known and well typed
//
// Every message begins with the place: "configs/x.yaml:12: " or "argument 'a.b=c': ".
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "launch/config/run_config.h"

namespace larkspur::launch {

/// Reads a file, the one other file it may name with `base:` (relative to the file's own folder; a
/// base has no base), then the overrides, and checks the result (bounds, and what must hold between
/// keys; not whether data is there). Keys that nobody sets keep their defaults. An override is
/// "dotted.key=value", its value a YAML scalar or list; the last of several wins.
///
/// Throws kNotFound when the file or its base is not there, with the nearest name in the same
/// folder; kInvalidArgument for bad syntax, an unknown key (with the nearest known one), a key
/// given twice, a wrong type, a value out of bounds, and what check() refuses.
LoadedConfig load_config(const std::filesystem::path& file,
                         const std::vector<std::string>& overrides = {});

/// Reads a whole configuration from text, as a checkpoint keeps it; `name` stands for the file in
/// messages. No base, no overrides. Throws kInvalidArgument as load_config().
LoadedConfig parse_config(const std::string& text, const std::string& name);

}  // namespace larkspur::launch
