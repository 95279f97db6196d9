// SPDX-License-Identifier: Apache-2.0
// Videos as samples: from a list entry and a key to the clip that a network sees.
//
//   file -- index -- plan: which frames, which part -- decode those -- crop, resize, mirror,
//   normalise --
//
// The key decides every draw, so a sample is the same in any thread, on any rank, after any
// restart.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pipeline/plan/clip_plan.h"
#include "readers/list/listed_source.h"

namespace larkspur::readers {

struct ClipSourceOptions {
  pipeline::ClipSampling sampling{};
  bool training = false;                      ///< random window and crop; else protocol `center`
  pipeline::ClipAugmentation augmentation{};  ///< used in training only

  /// Throws kInvalidArgument naming the field at fault and its value.
  void check() const;
};

/// One input, "clip": float32 [3, T, S, S], red, green, blue, normalised. Owns its list. Const and
/// callable from many threads at once; each call opens its own file.
class ClipSource final : public ListedSource {
 public:
  /// Throws kInvalidArgument for options out of range or an empty list. Opens no file.
  ClipSource(SampleList list, ClipSourceOptions options);

 private:
  pipeline::Result<std::vector<pipeline::Sample>> read_file(
      std::span<const pipeline::SampleKey> keys) const override;

  ClipSourceOptions options_;
};

}  // namespace larkspur::readers
