// SPDX-License-Identifier: Apache-2.0
// The key table as people read it: in a terminal, and in configs/README.md.
#pragma once

#include <string>

#include "launch/config/run_config.h"

namespace larkspur::launch {

/// One line a key in aligned columns: key, value, what it takes, meaning, and where the value comes
/// from ("default", or the file and line).
std::string config_table(const LoadedConfig& loaded);

/// The keys whose values differ, with both, under the names given; one line that says so if none.
std::string config_differences(const RunConfig& a,
                               const RunConfig& b,
                               const std::string& name_of_a,
                               const std::string& name_of_b);

/// Every key with its default as a Markdown table; also says what a resumed run may change.
std::string config_table_markdown();

}  // namespace larkspur::launch
