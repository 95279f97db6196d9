// SPDX-License-Identifier: Apache-2.0
#include "readers/list/listed_source.h"

#include <utility>

#include "pipeline/require.h"

namespace larkspur::readers {

using pipeline::Errc;
using pipeline::require;

ListedSource::ListedSource(SampleList list) : list_(std::move(list)) {
  require(!list_.entries.empty(), Errc::kInvalidArgument, "[source] a list of 0 samples");
}

std::int64_t ListedSource::size() const { return std::ssize(list_.entries); }

std::string ListedSource::name(std::int64_t id) const { return entry(id).name; }

std::int64_t ListedSource::label(std::int64_t id) const { return entry(id).label; }

std::string ListedSource::identity(std::int64_t id) const {
  const SampleEntry& sample = entry(id);
  return sample.frames ? sample.name + "\t" + std::to_string(*sample.frames) : sample.name;
}

std::vector<std::int64_t> ListedSource::labels(std::int64_t id) const {
  return entry(id).all_labels();
}

std::vector<std::int64_t> ListedSource::sample_labels(const SampleEntry& sample) const {
  std::vector<std::int64_t> all = sample.all_labels();
  if (list_.several_labels && all.size() == 1) all.push_back(kNoLabel);
  return all;
}

const SampleEntry& ListedSource::entry(std::int64_t id) const {
  require(id >= 0 && id < size(), Errc::kInvalidArgument, "[source] sample ", id, " of ", size());
  return list_.entries[static_cast<std::size_t>(id)];
}

}  // namespace larkspur::readers
