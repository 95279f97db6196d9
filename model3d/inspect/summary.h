// SPDX-License-Identifier: Apache-2.0
// What a network is made of and what it costs, layer by layer, for one sample: computed from its
// sizes alone, so that the largest variant takes no time and no memory.
//
//   ModelOptions, input sizes -- extractor_parts --> ExtractorPart ... -- summarise -->
//   LayerSummary ...
//
// A network of several backbones is a list of extractor parts, each with a prefix of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model3d/network.h"

namespace larkspur::model3d {

/// What one form of a layer, as trained or merged, has and does.
struct LayerCost {
  std::int64_t parameters = 0;  ///< trained values; running statistics do not count

  /// Products of convolutions and linear maps, each with its sum; one sample. Zeros around a map
  /// count as places, as is usual. Norms, activations, gates and sums of branches do not count.
  std::int64_t multiply_adds = 0;

  LayerCost& operator+=(const LayerCost& other);
};

/// One row. Layers are those that Backbone::forward shows to a observer, then the head.
struct LayerSummary {
  std::string name;  ///< entry prefix: "stages.2.5"; "head" stands for "norm" and "head"
  std::string kind;  ///< "stem", "block 1x13x13", "downsampling", "head"
  std::int64_t channels = 0;
  Extent3 size{1, 1, 1};  ///< places along D, H, W
  LayerCost trained;      ///< branches and norms apart
  LayerCost merged;

  /// What a training step keeps of the layer until its backward pass has used it, float32, one
  /// sample, nothing frozen, in float32 on a CPU: its input and everything computed in it that a
  /// gradient reads, each once. Blocks run as fused ops, which compute again what lies between
  /// (with time_padding replicate layer by layer, which costs a little more than is counted).
  /// Values a channel (means, gates) do not count, nor the gradients themselves.
  std::int64_t kept_bytes = 0;

  /// Places of the input that a place of the output can see along each axis, by taps and strides;
  /// it may be more than there are. The means over the whole map in squeeze-and-excite and GRN are
  /// left out, as everywhere. None: the whole map.
  std::optional<Extent3> receptive_field{};
  Extent3 stride{1, 1, 1};  ///< places of the input from one place of the output to the next
};

/// One backbone of a network.
struct ExtractorPart {
  std::string prefix;  ///< in front of its entries: "", or "views."
  BackboneOptions backbone;
  Extent3 input{1, 1, 1};   ///< its map's places along D, H, W
  std::int64_t passes = 1;  ///< how often a sample goes through it: its number of views
};

struct NetworkSummary {
  std::vector<LayerSummary> layers;  ///< in order of use

  /// Sums over all layers.
  LayerCost trained() const;
  LayerCost merged() const;
  std::int64_t kept_bytes() const;
};

/// The layers of one backbone. `part.input` must be > 0 on every axis.
std::vector<LayerSummary> summarise(const ExtractorPart& part);

/// The mean over the map, norm and linear map.
LayerSummary summarise_head(std::int64_t channels, std::int64_t classes);

/// What draws the pictures of form points, for a cloud of so many points. kept_bytes leaves out
/// what the search for neighbours and the splat's weights take.
LayerSummary summarise_drawing(const PointToImageOptions& options, std::int64_t points);

/// What fills the map of form cells, likewise.
LayerSummary summarise_filling(const PointToCellsOptions& options, std::int64_t points);

/// Sizes of one sample, without the axis of samples: [3,H,W] for images, [3,T,H,W] for clips,
/// [V,3,S,S] for views, [P,3] for points.
struct SampleSizes {
  std::vector<std::int64_t> input;
  std::vector<std::int64_t> second_input{};  ///< of form joint: its views
};

/// The backbones of a network for one such sample. Throws kInvalidArgument as ModelOptions::check()
/// and Form::as_map().
std::vector<ExtractorPart> extractor_parts(const ModelOptions& options, const SampleSizes& sample);

/// Everything: drawing, backbones and head. Throws as extractor_parts().
NetworkSummary summarise(const ModelOptions& options, const SampleSizes& sample);

}  // namespace larkspur::model3d
