// SPDX-License-Identifier: Apache-2.0
// Words for people, on stderr. Info once a run or an epoch, warn when something needs a look.
// Nothing parses this text; numbers for programs go through metrics.h. Thread-safe.
#pragma once

#include <string>

namespace larkspur::pipeline {

/// Whose lines these are: "[rank 2] " stands before each line when there are several ranks, and
/// info lines of ranks other than 0 are dropped. Call once at start.
void configure_log(int rank, int ranks, bool debug);

void log_info(const std::string& text);
void log_warn(const std::string& text);
void log_debug(const std::string& text);

}  // namespace larkspur::pipeline
