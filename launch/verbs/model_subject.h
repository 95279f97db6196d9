// SPDX-License-Identifier: Apache-2.0
// What a configuration's network looks at: the sizes of one sample, for counting what it costs.
#pragma once

#include <cstdint>
#include <vector>

#include "launch/config/run_config.h"
#include "model3d/inspect/summary.h"

namespace larkspur::launch {

/// A network to be, and sizes of one sample, as people give them (sample_sizes).
struct ModelSubject {
  model3d::ModelOptions options;
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> second{};  ///< of form joint: its views
};

/// Of a configuration, model.classes as it stands there.
ModelSubject subject_of(const RunConfig& config);

/// What the summary takes. Throws kInvalidArgument where a form of one input is given two.
model3d::SampleSizes sizes_of(const ModelSubject& subject);

}  // namespace larkspur::launch
