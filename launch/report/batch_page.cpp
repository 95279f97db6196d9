// SPDX-License-Identifier: Apache-2.0
#include "launch/report/batch_page.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "launch/report/worst_mistakes.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

using pipeline::text_of;

const std::string& name_of(std::int64_t label, const std::vector<std::string>& classes) {
  return classes.at(static_cast<std::size_t>(label));
}

/// The inputs of one sample, as a reader gives them.
pipeline::Inputs inputs_of(const pipeline::Batch& lane, std::int64_t row) {
  pipeline::Inputs inputs;
  for (const pipeline::Input& input : lane.inputs) inputs[input.name] = input.tensor[row];
  return inputs;
}

}  // namespace

std::string SeenSample::text() const {
  std::string own;
  for (const std::string& label : labels) own += (own.empty() ? "" : " and ") + label;
  if (partner.empty()) return own;
  const long percent = std::lround(100.0 * share);
  return text_of(percent, " % ", own, ", ", 100 - percent, " % ", partner);
}

std::vector<SeenSample> seen_samples(const pipeline::Batch& lane,
                                     int number,
                                     const pipeline::SampleSource& source,
                                     const std::vector<std::string>& classes) {
  std::vector<SeenSample> seen;
  for (std::int64_t row = 0; row < lane.size(); ++row) {
    const std::int64_t id = lane.keys[static_cast<std::size_t>(row)].sample;
    SeenSample& sample = seen.emplace_back();
    sample.lane = number;
    sample.file = source.name(id);
    for (const std::int64_t label : source.labels(id)) {
      sample.labels.push_back(name_of(label, classes));
    }
    if (!lane.partner_labels.defined()) continue;
    sample.share = lane.own_share[row].item<double>();
    if (sample.share < 1.0) {
      sample.partner = name_of(lane.partner_labels[row].item<std::int64_t>(), classes);
    }
  }
  return seen;
}

nlohmann::ordered_json batch_cards(const pipeline::Batch& lane,
                                   const std::vector<SeenSample>& seen) {
  nlohmann::ordered_json cards = nlohmann::ordered_json::array();
  for (std::int64_t row = 0; row < lane.size(); ++row) {
    const SeenSample& sample = seen[static_cast<std::size_t>(row)];
    nlohmann::ordered_json card{
        {"lane", sample.lane}, {"file", sample.file}, {"text", sample.text()}};
    card.update(picture_of(inputs_of(lane, row)));
    cards.push_back(std::move(card));
  }
  return cards;
}

}  // namespace larkspur::launch
