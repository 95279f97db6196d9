// SPDX-License-Identifier: Apache-2.0
// Unreadable samples as JSON: the one form they have in messages between ranks, manifests, reports.
#pragma once

#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "pipeline/sample.h"

namespace larkspur::pipeline {

/// [{"position":, "id":, "file":, "kind":, "error":}, ...]; `kind` is the error's name in words.
nlohmann::json to_json(const std::vector<BadSample>& bad);

/// The inverse. Throws nlohmann::json::exception when a field is missing or of another type.
std::vector<BadSample> bad_samples_from_json(const nlohmann::json& array);

}  // namespace larkspur::pipeline
