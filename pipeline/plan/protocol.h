// SPDX-License-Identifier: Apache-2.0
// The one table of evaluation protocols: which views of a sample are scored, and how their scores
// become one. What a view is made of is planned by clip_views.h and cloud_views.h.
//
//   name, size of the run -- find_protocol --> Protocol -- plan of view 0, 1, ... --> reader
//
// Rows follow the code of the systems they are named after, so that figures can be compared; their
// `source` says which. Resizing is that of readers (clip_transform.h) in every row: triangles that
// widen when shrinking, where some of the systems interpolate without it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/plan/clip_views.h"
#include "pipeline/plan/cloud_views.h"

namespace larkspur::pipeline {

/// What a sample is.
enum class SampleKind : std::uint8_t { kCloud, kVideo, kImage };

/// What is averaged over the views of a sample, in float64, in their order.
enum class ViewFusion : std::uint8_t {
  kProbabilities,  ///< softmax of each view
  kLogits          ///< logits; softmax of their mean
};

/// One row. Lives as long as the program.
struct Protocol {
  std::string_view name;
  std::vector<SampleKind> kinds;  ///< that it can look at
  ClipViews clips;                ///< of videos and images
  CloudViews clouds;              ///< of clouds
  ViewFusion fusion = ViewFusion::kProbabilities;
  std::string_view source;  ///< whose it is, with the place in their code or paper

  bool fits(SampleKind kind) const;

  /// Views of a sample of that kind, > 0.
  std::int64_t views(SampleKind kind) const;
};

/// Every protocol, in the order in which they are listed.
std::span<const Protocol> protocols();

/// Their names, in that order.
std::span<const std::string_view> protocol_names();

/// The protocol of that name. Throws kInvalidArgument where there is none.
const Protocol& find_protocol(std::string_view name);

/// "center, fixed, vote10": those that fit a kind, for messages.
std::string protocols_of(SampleKind kind);

}  // namespace larkspur::pipeline
