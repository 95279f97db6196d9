// SPDX-License-Identifier: Apache-2.0
// Parts of page.h's data that pages of evaluations, of runs in progress and of several runs share.
#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "launch/config/run_config.h"
#include "launch/report/run_history.h"
#include "pipeline/checkpoint/checkpoint_manifest.h"

namespace larkspur::launch {

/// [{key, value, default, meaning}, ...] of every key, in the table's order; `trained` as well
/// where `trained` is given and has another value.
nlohmann::ordered_json config_rows(const RunConfig& config, const RunConfig* trained = nullptr);

/// [[name, value], ...] of the lines that `larkspur --version` prints.
nlohmann::ordered_json version_facts(const std::string& versions);

/// Adds processor, ranks and threads of a job; `whose` begins the names: "training: ".
void add_job_facts(nlohmann::ordered_json& facts,
                   const std::string& whose,
                   const pipeline::RunIdentity& job);

/// {times, peak_mib}: the steps of a history, and what they waited for; none without steps. `share`
/// is that of all of it. The memory is the most that this process had resident.
nlohmann::ordered_json time_and_memory(const RunHistory& history, const RunConfig& config);

/// The path from the root, without a slash at its end: its last part is the folder's name.
std::filesystem::path whole_path(const std::filesystem::path& folder);

/// Eight hexadecimal digits.
std::string crc_text(std::uint32_t crc);

}  // namespace larkspur::launch
