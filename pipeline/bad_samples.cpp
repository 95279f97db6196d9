// SPDX-License-Identifier: Apache-2.0
#include "pipeline/bad_samples.h"

#include "pipeline/require.h"

namespace larkspur::pipeline {

void require_few_bad(const std::vector<BadSample>& bad, const BadSampleBound& bound) {
  const auto allowed = bound.max_fraction * static_cast<double>(bound.samples);
  if (bad.empty() || static_cast<double>(bad.size()) <= allowed) return;
  const BadSample& first = bad.front();
  throw Error(Errc::kCorruptData,
              text_of(bad.size(),
                      " of ",
                      bound.samples,
                      " ",
                      bound.what,
                      " cannot be read, more than data.max_bad_fraction=",
                      bound.max_fraction,
                      " allows",
                      bound.also,
                      "; the first is ",
                      first.name,
                      ": ",
                      first.message));
}

}  // namespace larkspur::pipeline
