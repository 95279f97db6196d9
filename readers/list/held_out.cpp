// SPDX-License-Identifier: Apache-2.0
#include "readers/list/held_out.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/require.h"
#include "pipeline/rng.h"

namespace larkspur::readers {

using pipeline::Errc;
using pipeline::require;

SampleList part_of(SampleList list, const HeldOut& held_out, bool only_it) {
  using Draw = std::pair<std::uint32_t, std::string>;  // and the name, which settles ties
  std::map<std::int64_t, std::set<Draw>> draws_by_label;
  const auto draw_of = [&](const SampleEntry& entry) -> Draw {
    const std::string& of = list.classes.at(static_cast<std::size_t>(entry.label));
    const std::uint32_t name = pipeline::name_key(of + "\n" + entry.name);
    pipeline::CounterRng rng({held_out.seed, 0, name, 0}, pipeline::Purpose::kHoldout);
    return {rng.bits(), entry.name};
  };
  std::vector<Draw> draws_of_entries;
  for (const SampleEntry& entry : list.entries) {
    draws_of_entries.push_back(draw_of(entry));
    draws_by_label[entry.label].insert(draws_of_entries.back());
  }
  std::map<std::int64_t, Draw> first_kept;  // by label: lower draws are held out
  for (const auto& [label, draws] : draws_by_label) {
    const auto wanted =
        static_cast<std::size_t>(std::llround(held_out.share * static_cast<double>(draws.size())));
    const std::size_t count = std::min(wanted, draws.size() - 1);
    first_kept[label] = *std::next(draws.begin(), static_cast<std::ptrdiff_t>(count));
  }
  std::vector<SampleEntry> part;
  for (std::size_t i = 0; i < list.entries.size(); ++i) {
    SampleEntry& entry = list.entries[i];
    const bool is_held_out = draws_of_entries[i] < first_kept.at(entry.label);
    if (is_held_out == only_it) part.push_back(std::move(entry));
  }
  list.entries = std::move(part);
  require(!list.entries.empty(),
          Errc::kInvalidArgument,
          "data.holdout=",
          held_out.share,
          " of a training list with so few samples a class holds out none");
  return list;
}

}  // namespace larkspur::readers
