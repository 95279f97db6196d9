// SPDX-License-Identifier: Apache-2.0
#include "launch/report/page_parts.h"

#include <cstdio>
#include <sstream>

#include <nlohmann/json.hpp>
#include <sys/resource.h>

#include "launch/config/config_schema.h"

namespace larkspur::launch {

using nlohmann::ordered_json;

ordered_json config_rows(const RunConfig& config, const RunConfig* trained) {
  const RunConfig defaults;
  ordered_json rows = ordered_json::array();
  for (const ConfigKey& key : config_keys()) {
    const std::string value = text_of_value(key.get(config));
    ordered_json row = {{"key", key.path},
                        {"value", value},
                        {"default", text_of_value(key.get(defaults))},
                        {"meaning", key.full_meaning()}};
    const std::string before = trained == nullptr ? value : text_of_value(key.get(*trained));
    if (before != value) row["trained"] = before;
    rows.push_back(std::move(row));
  }
  return rows;
}

ordered_json version_facts(const std::string& versions) {
  ordered_json facts = ordered_json::array();
  std::istringstream lines(versions);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t end = line.find_first_of(": ");
    if (end == std::string::npos) continue;
    facts.push_back({line.substr(0, end), line.substr(line.find_first_not_of(": ", end))});
  }
  return facts;
}

void add_job_facts(ordered_json& facts,
                   const std::string& whose,
                   const pipeline::RunIdentity& job) {
  facts.push_back({whose + "processor", job.processor});
  facts.push_back({whose + "ranks", std::to_string(job.ranks)});
  facts.push_back({whose + "compute threads a rank", std::to_string(job.threads)});
}

ordered_json time_and_memory(const RunHistory& history, const RunConfig& config) {
  ordered_json times = ordered_json::array();
  if (!history.steps.empty()) {
    const double all = history.seconds(config.train.global_batch);
    const double data = history.data_wait();
    const double reduce = history.reduce_wait();
    const auto add = [&](const char* name, double seconds) {
      times.push_back({{"name", name}, {"seconds", seconds}, {"share", seconds / all}});
    };
    add("training, all steps", all);
    add("of it: waiting for data", data);
    add("of it: waiting for gradients of other ranks", reduce);
    add("of it: computing, and the rest", all - data - reduce);
  }
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return {{"times", std::move(times)}, {"peak_mib", usage.ru_maxrss / 1024}};
}

std::filesystem::path whole_path(const std::filesystem::path& folder) {
  const std::filesystem::path whole = std::filesystem::absolute(folder).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();
}

std::string crc_text(std::uint32_t crc) {
  char digits[16];
  std::snprintf(digits, sizeof digits, "%08x", crc);
  return digits;
}

}  // namespace larkspur::launch
