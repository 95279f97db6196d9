// SPDX-License-Identifier: Apache-2.0
// What a step sees, sample by sample.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "pipeline/batch.h"
#include "pipeline/sample_source.h"

namespace larkspur::launch {

/// One sample as a step has it.
struct SeenSample {
  int lane = 0;
  std::string file;                 ///< as the list names it
  std::vector<std::string> labels;  ///< names of classes
  std::string partner;              ///< of the sample mixed into it; "": none
  double share = 1.0;               ///< of its own label

  /// "cup", "cup and bowl", "63 % cup, 37 % bowl".
  std::string text() const;
};

/// The samples of a lane that could be read, in order.
std::vector<SeenSample> seen_samples(const pipeline::Batch& lane,
                                     int number,
                                     const pipeline::SampleSource& source,
                                     const std::vector<std::string>& classes);

/// The data of page.h's `batch`: [{lane, file, text, frames or dots}, ...], the picture that of
/// worst_mistakes.h.
nlohmann::ordered_json batch_cards(const pipeline::Batch& lane,
                                   const std::vector<SeenSample>& seen);

}  // namespace larkspur::launch
