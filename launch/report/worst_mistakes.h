// SPDX-License-Identifier: Apache-2.0
// The wrong predictions that the network was surest of, each with what the network saw.
#pragma once

#include <cstddef>
#include <cstdint>

#include <nlohmann/json_fwd.hpp>

#include "launch/report/eval_report.h"
#include "pipeline/inputs.h"
#include "pipeline/sample_source.h"

namespace larkspur::launch {

/// {"frames": [URI, ...]}, pictures of at most 64 x 64 pixels, for inputs that are pictures, clips
/// or views; {"dots": [[x, y], ...]} in [0, 100], y downwards, for points and voxels, seen from
/// obliquely above; {} for any other.
nlohmann::ordered_json picture_of(const pipeline::Inputs& inputs);

/// [{id, file, labels, predicted, probability, label_probability}, ...]: samples whose likeliest
/// class is no label of theirs, surest first, those of one probability by id; label_probability is
/// that of the likeliest label, null where none is among the likeliest classes. Empty where there
/// are no labels.
nlohmann::ordered_json worst_mistakes(const pipeline::Evaluation& evaluation,
                                      const EvalContext& context,
                                      std::size_t count = 12);

/// Adds its picture_of() to each mistake: the first view of the sample, read once more with `seed`,
/// that of the evaluation; one that cannot be read any more has none.
void add_pictures(nlohmann::ordered_json& mistakes,
                  const pipeline::SampleSource& source,
                  std::uint64_t seed);

}  // namespace larkspur::launch
