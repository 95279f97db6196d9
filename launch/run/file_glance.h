// SPDX-License-Identifier: Apache-2.0
// Unreadable samples that show without decoding: what is missing, empty, or of another kind.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "launch/config/run_config.h"

namespace larkspur::launch {

/// A share of a list: samples part, part + parts, part + 2 parts, ...
struct ListPart {
  int part = 0;   ///< [0, parts)
  int parts = 1;  ///< > 0
};

/// Why samples of a side cannot be read, one message a file, in the order of the list. Opens each
/// file once and reads 64 KiB of it at most. What is damaged further on passes: `data check`
/// decodes. `progress`, if given, is called with how many samples of the list are done, those of
/// other parts included. Throws as reading the list does.
using GlanceProgress = std::function<void(std::int64_t done, std::int64_t total)>;
std::vector<std::string> faults_at_a_glance(const DataConfig& data,
                                            const SideConfig& side,
                                            const ListPart& share,
                                            const GlanceProgress& progress = {});

}  // namespace larkspur::launch
