// SPDX-License-Identifier: Apache-2.0
#include "pipeline/sample_source.h"

#include <algorithm>
#include <utility>

#include "pipeline/file_guard.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {

Result<std::vector<Sample>> SampleSource::read_views(std::span<const SampleKey> keys) const {
  require(!keys.empty(), Errc::kInvalidArgument, "[source] no view of a sample");
  const std::int64_t id = keys.front().sample;
  require(id < size(), Errc::kInvalidArgument, "[source] sample ", id, " of ", size());
  require(std::all_of(keys.begin(), keys.end(), [&](const auto& key) { return key.sample == id; }),
          Errc::kInvalidArgument,
          "[source] views of sample ",
          id,
          " and of others");
  try {
    return read_file(keys);
  } catch (...) {
    return error_of_file(name(id));
  }
}

Result<Sample> SampleSource::read(const SampleKey& key) const {
  Result<std::vector<Sample>> views = read_views({&key, 1});
  if (!views.ok()) return views.error();
  return std::move(std::move(views).value().front());
}

}  // namespace larkspur::pipeline
