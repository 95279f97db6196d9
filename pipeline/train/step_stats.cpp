// SPDX-License-Identifier: Apache-2.0
#include "pipeline/train/step_stats.h"

#include <nlohmann/json.hpp>

#include "pipeline/bad_sample_json.h"
#include "pipeline/batch.h"

namespace larkspur::pipeline {
namespace {

using nlohmann::json;

/// Of one rank's facts: it has told one thing, or none.
std::vector<std::uint8_t> bytes_of(const std::vector<std::string>& told) {
  return told.empty() ? std::vector<std::uint8_t>()
                      : std::vector<std::uint8_t>(told.front().begin(), told.front().end());
}

std::string encode(const StepStats& facts) {
  const json message = {{"loss", facts.loss},
                        {"samples", facts.samples},
                        {"nominal", facts.nominal},
                        {"correct", facts.correct},
                        {"bad", to_json(facts.bad)},
                        {"checkpoint", facts.checkpoint_requested},
                        {"stop", facts.stop_requested},
                        {"saving", json::binary(bytes_of(facts.saving))}};
  std::string bytes;
  json::to_cbor(message, bytes);
  return bytes;
}

void append(StepStats& all, const std::string& bytes) {
  const json message = json::from_cbor(bytes);
  for (const json& loss : message.at("loss")) all.loss.push_back(loss.get<double>());
  all.samples += message.at("samples").get<std::int64_t>();
  all.nominal += message.at("nominal").get<std::int64_t>();
  all.correct += message.at("correct").get<std::int64_t>();
  for (BadSample& bad : bad_samples_from_json(message.at("bad"))) {
    all.bad.push_back(std::move(bad));
  }
  all.checkpoint_requested = all.checkpoint_requested || message.at("checkpoint").get<bool>();
  all.stop_requested = all.stop_requested || message.at("stop").get<bool>();
  const auto& told = message.at("saving").get_binary();
  all.saving.emplace_back(told.begin(), told.end());
}

}  // namespace

void StepStats::add(const Batch& batch) {
  samples += batch.size();
  nominal += batch.nominal;
  bad.insert(bad.end(), batch.bad.begin(), batch.bad.end());
}

StepStats all_gather(const StepStats& mine, Communicator& communicator) {
  StepStats all;
  for (const std::string& bytes : communicator.all_gather(encode(mine))) append(all, bytes);
  return all;
}

}  // namespace larkspur::pipeline
