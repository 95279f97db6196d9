// SPDX-License-Identifier: Apache-2.0
// Everything between a batch and the head: from inputs to one row of features a sample.
//
//   MapExtractor     input -- as a map -- backbone -- mean over the map                     [N,F]
//   ViewsExtractor   views, folded into the batch -- the same -- pooled over a sample's     [N,F]
//   PointsExtractor  points -- point_to_image -- a ViewsExtractor                           [N,F]
//   CellsExtractor   points -- point_to_cells -- a MapExtractor                             [N,F]
//   JointExtractor   input -- a MapExtractor, second input -- a ViewsExtractor           [N,F+F']
//
// Views share one backbone and are pooled at its end: Su, Maji, Kalogerakis, Learned-Miller,
// "Multi-view Convolutional Neural Networks for 3D Shape Recognition" (MVCNN), ICCV 2015.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model3d/backbone.h"
#include "model3d/points/point_to_cells.h"
#include "model3d/points/point_to_image.h"
#include "pipeline/batch.h"

namespace larkspur::model3d {

/// What stands before the entries of a JointExtractor's two backbones.
inline constexpr std::string_view kVoxelHalf = "voxel.";
inline constexpr std::string_view kViewsHalf = "views.";

/// How the features of a sample's views become one row.
enum class ViewPooling : std::uint8_t {
  kMax,   ///< what any view shows strongly counts, however many others do not show it
  kMean,  ///< what all views show
};

/// How a map becomes one row of features.
enum class MapPooling : std::uint8_t {
  kMean,        ///< [N,F]
  kMeanAndMax,  ///< [N,2F], means first: what is everywhere, and what is strong at any one place
};

/// `max` or `mean`. Throws kInvalidArgument that lists both.
ViewPooling find_view_pooling(std::string_view name);

/// A backbone of a extractor and what stands before the names of its entries: "" or "voxel.".
struct NamedBackbone {
  std::string prefix;
  const Backbone* backbone;  ///< lives as long as the extractor
};

/// Not thread-safe. Owns its parameters.
class FeatureExtractor {
 public:
  virtual ~FeatureExtractor() = default;

  /// Features [N,features()]. `observer`, if given, sees what Backbone::forward shows, each layer's
  /// name behind its backbone's prefix; views are folded into the batch there, [N*V,C,1,H,W].
  /// Throws kInvalidArgument naming form and shape for inputs that are not what the form takes.
  virtual at::Tensor forward(const pipeline::Batch& batch,
                             const Pass& pass,
                             const LayerObserver& observer = {}) const = 0;

  virtual std::int64_t features() const = 0;

  /// In order of use.
  virtual void add_to(const StateDict& state) const = 0;

  /// Merges every block of every backbone.
  virtual void merge() = 0;

  /// In order of use; at least one.
  virtual std::vector<NamedBackbone> backbones() const = 0;

 protected:
  FeatureExtractor() = default;
  FeatureExtractor(const FeatureExtractor&) = default;
  FeatureExtractor& operator=(const FeatureExtractor&) = default;
};

/// One backbone over one map. Entries are the backbone's.
class MapExtractor final : public FeatureExtractor {
 public:
  MapExtractor(const Form& form,
               const BackboneOptions& options,
               MapPooling pooling = MapPooling::kMean)
      : form_(form), backbone_(options), pooling_(pooling) {}

  at::Tensor forward(const pipeline::Batch& batch,
                     const Pass& pass,
                     const LayerObserver& observer = {}) const override;
  std::int64_t features() const override {
    return (pooling_ == MapPooling::kMean ? 1 : 2) * backbone_.channels();
  }
  void add_to(const StateDict& state) const override { backbone_.add_to(state); }
  void merge() override { backbone_.merge(); }
  std::vector<NamedBackbone> backbones() const override { return {{"", &backbone_}}; }
  const Form& form() const { return form_; }

  /// The input as the form has it, to its pooled map [N,features()].
  at::Tensor map_features(const at::Tensor& input,
                          const Pass& pass,
                          const LayerObserver& observer) const;

  /// A map [N,C,D,H,W] of the backbone's channels, pooled likewise.
  at::Tensor pooled_map(const at::Tensor& map,
                        const Pass& pass,
                        const LayerObserver& observer) const;

 private:
  const Form& form_;
  Backbone backbone_;
  MapPooling pooling_;
};

/// One backbone that looks at every picture of a sample, a view [N,V,3,S,S] or a frame
/// [N,3,T,S,S], as the form has them. Entries are the backbone's, so weights of pictures fit. In
/// training all views of a sample take part in its lane's BatchNorm, and share its random depth.
class ViewsExtractor final : public FeatureExtractor {
 public:
  ViewsExtractor(const Form& form, const BackboneOptions& options, ViewPooling pooling)
      : backbone_(form, options), pooling_(pooling) {}

  at::Tensor forward(const pipeline::Batch& batch,
                     const Pass& pass,
                     const LayerObserver& observer = {}) const override;
  std::int64_t features() const override { return backbone_.features(); }
  void add_to(const StateDict& state) const override { backbone_.add_to(state); }
  void merge() override { backbone_.merge(); }
  std::vector<NamedBackbone> backbones() const override { return backbone_.backbones(); }

  /// The input as the form has it to [N,F].
  at::Tensor pooled_features(const at::Tensor& input,
                             const Pass& pass,
                             const LayerObserver& observer) const;

 private:
  MapExtractor backbone_;
  ViewPooling pooling_;
};

/// A learned map of points. Entries: "point_to_cells.*", then the backbone's, without stem and
/// stage 1, which are on the points: frozen with stage 1, observed as its last block.
class CellsExtractor final : public FeatureExtractor {
 public:
  CellsExtractor(const PointToCellsOptions& filling, MapExtractor map);

  at::Tensor forward(const pipeline::Batch& batch,
                     const Pass& pass,
                     const LayerObserver& observer = {}) const override;
  std::int64_t features() const override { return map_.features(); }
  void add_to(const StateDict& state) const override;
  void merge() override { map_.merge(); }
  std::vector<NamedBackbone> backbones() const override { return map_.backbones(); }

 private:
  PointToCells filling_;
  MapExtractor map_;
};

/// Learned pictures of points. Entries: "point_to_image.*", then the backbone's.
class PointsExtractor final : public FeatureExtractor {
 public:
  PointsExtractor(const PointToImageOptions& drawing, ViewsExtractor views)
      : drawing_(drawing), views_(std::move(views)) {}

  at::Tensor forward(const pipeline::Batch& batch,
                     const Pass& pass,
                     const LayerObserver& observer = {}) const override;
  std::int64_t features() const override { return views_.features(); }
  void add_to(const StateDict& state) const override;
  void merge() override { views_.merge(); }
  std::vector<NamedBackbone> backbones() const override { return views_.backbones(); }

 private:
  PointToImage drawing_;
  ViewsExtractor views_;
};

/// Voxels and views of one cloud, trained together. Entries: "voxel.*", then "views.*".
class JointExtractor final : public FeatureExtractor {
 public:
  JointExtractor(MapExtractor voxels, ViewsExtractor views)
      : voxels_(std::move(voxels)), views_(std::move(views)) {}

  /// The inputs "voxels" and "views", one of each a sample.
  at::Tensor forward(const pipeline::Batch& batch,
                     const Pass& pass,
                     const LayerObserver& observer = {}) const override;
  std::int64_t features() const override { return voxels_.features() + views_.features(); }
  void add_to(const StateDict& state) const override;
  void merge() override;
  std::vector<NamedBackbone> backbones() const override;

 private:
  MapExtractor voxels_;
  ViewsExtractor views_;
};

}  // namespace larkspur::model3d
