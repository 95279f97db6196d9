// SPDX-License-Identifier: Apache-2.0
// The classifier the loop trains: UniRepLKNet over maps of one to three axes.
//
//   Batch -- extractor, as the form says -- features [N,F] -- head -- logits
//
// Entries carry the published names (Ding et al. 2024, arXiv 2410.08049 and its weights), without
// the counters of batches. Weights that the paper has as [.., H, W] are [.., 1, H, W] here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model3d/backbone.h"
#include "model3d/feature_extractor.h"
#include "model3d/forms.h"
#include "model3d/layers/classifier_head.h"
#include "model3d/layers/enlargement.h"
#include "pipeline/classifier.h"

namespace larkspur::model3d {

struct ModelOptions {
  std::string form = "voxel";                 ///< a name find_form knows
  std::string variant = "a";                  ///< a name find_variant knows
  std::int64_t classes = 0;                   ///< > 0; no default
  std::int64_t cell_channels = 1;             ///< > 0; forms voxel, joint: values of a voxel
  std::optional<Extent3> kernel{};            ///< large taps D H W; none: the form's own
  std::optional<std::int64_t> stem_stride{};  ///< 2 or 4; none: the form's own
  std::optional<TemporalStrides> temporal_strides{};  ///< where D is time; none: the form's own
  std::optional<Extent3> temporal_taps{};  ///< where D is time: taps along it of the large blocks
                                           ///< of stages 2, 3, 4; 0: as kernel has them
  std::optional<Extent3> spatial_taps{};   ///< the same for H and W, and for D where it is no time
  bool separable_time = false;  ///< where D is time: large kernels as one in space, one in time
  TimePadding time_padding = TimePadding::kZeros;  ///< where D is time: what lies beyond its ends
  Inflation inflation = Inflation::kCentre;        ///< of loaded weights of pictures
  std::int64_t last_stride = 2;                    ///< 2 or 1: of the layer before the last stage
  MapPooling map_pooling = MapPooling::kMean;      ///< forms voxel, cells, clip, differences
  Enlargement enlarge = Enlargement::kNone;        ///< of loaded weights of smaller kernels
  std::string view_pooling = "max";  ///< forms with views: a name find_view_pooling knows
  std::optional<std::int64_t> view_stem_stride{};  ///< form joint: stem_stride of the pictures
  std::int64_t view_taps = 0;  ///< form joint: H and W of the pictures' kernel, odd; 0: of `kernel`
  std::int64_t drawing_size =
      PointToImageOptions{}.size;  ///< form points: pixels of a side of its pictures, >= 1
  std::int64_t cell_grid =
      PointToCellsOptions{}.grid;  ///< form cells: places of its map along each axis, >= 1
  double drop_path = 0.0;          ///< rate at the last block, [0, 1)
  double layer_scale = 1e-6;       ///< start; 0.1 to 1 for short trainings of small networks
  double head_scale = 1.0;         ///< factor on the head's first weights, > 0
  std::int64_t freeze_stages = 0;  ///< [0, 4]; k: the stem and the first k stages are not trained
  std::uint64_t seed = 0;          ///< of the first weights

  /// An extra LayerNorm before the last downsampling (README, "Large values").
  bool norm_before_downsampling = false;

  /// Throws OptionError naming the first field at fault and its value. What the form has
  /// no use for is not used.
  void check() const;
};

/// What the backbone of such a network is made of. Throws as check().
BackboneOptions backbone_options(const ModelOptions& options);

/// What fills the map of a network of form cells.
PointToCellsOptions cells_options(const ModelOptions& options);

/// Channels of a sample's (first) input, whatever stands around them.
std::int64_t input_channels(const ModelOptions& options);

/// What the options of a network of form joint say of one of its sides, `voxel` or `views`.
ModelOptions side_of(const ModelOptions& joint, std::string_view form);

/// Not thread-safe. Evaluates until set_training(true). The same input gives the same bits, for a
/// fixed number of threads.
class Network final : public pipeline::Classifier {
 public:
  /// First weights are a pure function of (seed, entry name).
  explicit Network(const ModelOptions& options);

  /// batch.inputs as the form has them (Form::input_names; a form of one takes it under any name),
  /// batch.keys in training. Throws kInvalidArgument for other shapes.
  at::Tensor forward(const pipeline::Batch& batch) override;

  std::vector<pipeline::Parameter> parameters() const override;
  std::vector<pipeline::Statistic> statistics() const override;

  /// Throws kInvalidArgument for true after merge().
  void set_training(bool training) override;

  void set_training_pass(const pipeline::TrainingPass& pass) override { training_pass_ = pass; }

  /// Throws kInvalidArgument after merge().
  std::unique_ptr<pipeline::Classifier> replica() const override;

  /// Folds every norm inside the blocks, every branch and scale into the weights beside them; lists
  /// of entries made before are stale. Leaves training. Logits change by less than 1e-5 of the
  /// largest (measured: 4e-7, float32). A second call changes nothing.
  void merge();

  bool is_merged() const { return merged_; }

  /// Parameters and statistics together, in order of use, sharing memory.
  std::vector<NamedTensor> entries() const;

  const ModelOptions& options() const { return options_; }
  const Form& form() const { return form_; }
  const FeatureExtractor& extractor() const { return *extractor_; }
  /// The first, or only, backbone.
  const Backbone& backbone() const { return *extractor_->backbones().front().backbone; }
  const ClassifierHead& head() const { return head_; }

 private:
  ModelOptions options_;
  const Form& form_;
  std::unique_ptr<FeatureExtractor> extractor_;
  ClassifierHead head_;
  pipeline::TrainingPass training_pass_;
  bool training_ = false;
  bool merged_ = false;
};

/// The network as the loop takes it.
std::unique_ptr<pipeline::Classifier> make_classifier(const ModelOptions& options);

}  // namespace larkspur::model3d
