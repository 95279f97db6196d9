// SPDX-License-Identifier: Apache-2.0
// Memory for the length of a call.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace larkspur::model3d {

struct FreeScratch {
  void operator()(float* memory) const { std::free(memory); }
};
using Scratch = std::unique_ptr<float[], FreeScratch>;

/// `floats` floats, not written. On a cache line: loads that straddle two are slower. Throws
/// std::bad_alloc.
inline Scratch make_scratch(std::int64_t floats) {
  constexpr std::size_t kLine = 64;
  const auto bytes = (static_cast<std::size_t>(floats) * sizeof(float) + kLine - 1) / kLine * kLine;
  Scratch scratch(static_cast<float*>(std::aligned_alloc(kLine, std::max(bytes, kLine))));
  if (!scratch) throw std::bad_alloc();
  return scratch;
}

/// The same, all zeros.
inline Scratch make_zeros(std::int64_t floats) {
  Scratch scratch = make_scratch(floats);
  std::fill_n(scratch.get(), floats, 0.0F);
  return scratch;
}

}  // namespace larkspur::model3d
