// SPDX-License-Identifier: Apache-2.0
// Stem and four stages: from an input map to features.
//
//   x -- stem -- stage 1 -- down -- stage 2 -- down -- stage 3 -- down -- stage 4 -- features
//        /s      small      /2      large      /2       mixed     /2      large
//
// Stem and stage 1 may be elsewhere (form cells has them on points): their map then comes in, and
// goes to stage 2 as large as it is. Layers between stages that do not stride have one tap there.
//
// Where D is time it has strides and taps of its own, and the strided convolutions, which mix all
// channels, have three taps there only where they stride.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model3d/forms.h"
#include "model3d/large_kernel_block.h"
#include "model3d/layers/downsample.h"
#include "model3d/variants.h"

namespace larkspur::model3d {

/// The D axis where it is time.
struct TimeAxis {
  TemporalStrides strides{2, 1, 1, 1};
  TimePadding padding = TimePadding::kZeros;
  bool separable = false;  ///< large blocks: space and time in kernels of their own
};

/// Taps of the large blocks of stages 2, 3, 4.
using StageTaps = std::array<Extent3, kStages - 1>;

/// The same taps in every stage.
inline StageTaps in_every_stage(const Extent3& taps) { return {taps, taps, taps}; }

struct BackboneOptions {
  Variant variant;
  std::int64_t in_channels = 1;  ///< of the stem, else those of stage 1
  std::size_t first_stage = 0;   ///< 0; 1: without stem and stage 1, the input is what they give
  Extent3 small_taps{
      3, 3, 3};  ///< of stem, downsampling and small blocks; 1 on an axis not strided
  StageTaps stage_taps = in_every_stage({13, 13, 13});  ///< of the large blocks
  std::int64_t stem_stride = 4;                         ///< 2 or 4; of H and W alone if D is time
  bool drawn_stem_bias = false;                         ///< StridedConvOptions::drawn_bias
  std::int64_t last_stride = 2;    ///< 2 or 1; before the last stage, of H and W alone if D is time
  std::optional<TimeAxis> time{};  ///< none: D has the strides and taps of H and W
  double drop_path = 0.0;          ///< rate of the last block; grows evenly from 0 at the first
  double layer_scale = 1e-6;
  bool norm_before_downsampling = false;  ///< an extra LayerNorm before the last one
  std::int64_t first_block = 0;  ///< number of the first block: where a network has two backbones,
                                 ///< each draws its random depth by numbers of its own
  std::int64_t freeze_stages = 0;  ///< k: the stem, the first k stages and what is between them
};

/// What stands before `stage`: the stem as a whole before stage 0.
StridedConvOptions strided_before(const BackboneOptions& options, std::size_t stage);

/// Block `index` of `stage`, both from 0.
LargeKernelBlockOptions block_options(const BackboneOptions& options,
                                      std::size_t stage,
                                      std::int64_t index);

/// NamedTensor prefixes: "downsample_layers.0", "stages.2", "stages.2.5".
std::string stem_or_downsample(std::size_t stage);
std::string stage_name(std::size_t stage);
std::string block_name(std::size_t stage, std::size_t index);

/// The block whose output is the stage's.
std::string last_block(const Variant& variant, std::size_t stage);

/// Whether the downsampling before `stage` has the extra norm.
bool has_norm_before(const BackboneOptions& options, std::size_t stage);

/// Told what leaves a layer: the layer's entry prefix and its output.
using LayerObserver = std::function<void(const std::string& layer, const at::Tensor& output_NCDHW)>;

/// Not thread-safe. Owns its parameters. Those of frozen stages require no gradient, and in
/// training too such a stage is what it is in evaluation: running statistics, which stay, and no
/// random depth, so that it is one fixed function, and backward ends where it begins.
class Backbone {
 public:
  explicit Backbone(const BackboneOptions& options);

  /// x [N,in_channels,D,H,W], channels last in memory where first_stage is 1, to
  /// [N,dims[3],D',H',W']. `observer`, if given, sees the output of each "downsample_layers.i" and
  /// each block "stages.i.j", in order. The pass's gate is asked before each "downsample_layers.i"
  /// and "stages.i".
  at::Tensor forward(const at::Tensor& x_NCDHW,
                     const Pass& pass,
                     const LayerObserver& observer = {}) const;

  /// "downsample_layers.i.*" and "stages.i.j.*", in order of use.
  void add_to(const StateDict& state) const;

  /// Merges every block.
  void merge();

  /// As given.
  const BackboneOptions& options() const { return options_; }

  /// Of the features.
  std::int64_t channels() const { return options_.variant.dims.back(); }

  /// Block `index` of `stage`, both from 0; must exist.
  const LargeKernelBlock& block(std::size_t stage, std::size_t index) const {
    return stages_.at(stage).at(index);
  }

 private:
  BackboneOptions options_;
  std::optional<Stem> stem_;
  std::array<std::optional<Downsample>, kStages> downsamples_;  ///< before a stage, if it is there
  std::vector<std::vector<LargeKernelBlock>> stages_;
  std::size_t frozen_ = 0;  ///< stages

  /// Stem or downsampling, with what the pass and the observer want of it.
  at::Tensor enter_stage(std::size_t stage,
                         const at::Tensor& x,
                         const Pass& pass,
                         const LayerObserver& observer) const;
  void add_stage_to(std::size_t stage, const StateDict& state) const;
  void freeze() const;

  /// By number of the block, those before its own first included.
  std::vector<DropPath> drop_paths() const;
};

}  // namespace larkspur::model3d
