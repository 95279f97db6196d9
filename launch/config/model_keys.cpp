// SPDX-License-Identifier: Apache-2.0
// The rows of the key table about the network.
#include "launch/config/config_row.h"

namespace larkspur::launch {
namespace {

constexpr std::string_view kVariants[] = {
    "micro", "mini", "a", "f", "p", "n", "t", "s", "b", "l", "xl"};
constexpr auto kShape = KeyRole::kShape;
constexpr auto kRule = KeyRole::kRule;
constexpr auto model = &RunConfig::model;
using F = ModelForm;
using M = ModelConfig;

std::vector<Row> size_rows() {
  return {
      key<model, &M::form>("model.form", "how the network looks at a sample").decides(kShape),
      key<model, &M::variant>("model.variant", "size of the network")
          .one_of(kVariants)
          .decides(kShape),
      key<model, &M::classes>("model.classes",
                              "classes that the network's head has; 0: as data.train has them")
          .within(0, 1000000)
          .decides(kShape),
      key<model, &M::kernel>(
          "model.kernel",
          "taps along depth, height, width; odd; 0: as the form has them (13 along "
          "height and width)")
          .within(0, 17)
          .decides(kShape),
      key<model, &M::stem_stride>("model.stem_stride",
                                  "places a step of the first layers: 2 or 4; 0: as the form has "
                                  "it (4 for pictures and clips)")
          .within(0, 4)
          .decides(kRule),
      key<model, &M::last_stride>("model.last_stride",
                                  "places a step of the layer before stage 4: 2, or 1 where its "
                                  "map would be small")
          .within(1, 2)
          .decides(kRule),
  };
}

std::vector<Row> form_rows() {
  return {
      key<model, &M::temporal_strides>("model.temporal_strides",
                                       "frames a step of stem and downsamplings")
          .within(1, 4)
          .decides(kRule)
          .of_forms({F::kClip, F::kDifferences}),
      key<model, &M::temporal_taps>("model.temporal_taps",
                                    "taps in time, stages 2 to 4; 0: as kernel")
          .within(0, 17)
          .decides(kShape)
          .of_forms({F::kClip, F::kDifferences}),
      key<model, &M::spatial_taps>("model.spatial_taps",
                                   "taps in space, stages 2 to 4; odd; 0: as kernel")
          .within(0, 17)
          .decides(kShape),
      key<model, &M::separable_time>("model.separable_time",
                                     "large kernels as one in space and one in time")
          .decides(kShape)
          .of_forms({F::kClip, F::kDifferences}),
      key<model, &M::time_padding>("model.time_padding",
                                   "beyond the ends, zeros or the end frames again")
          .decides(kRule)
          .of_forms({F::kClip, F::kDifferences}),
      key<model, &M::inflation>("model.inflation",
                                "of weights of pictures, the middle tap or every tap")
          .on_resume(ResumeRule::kNotRead)
          .of_forms({F::kClip}),
      key<model, &M::map_pooling>(
          "model.map_pooling", "how the last map becomes one row: its means, or means and maxima")
          .decides(kShape)
          .of_forms({F::kVoxel, F::kCells, F::kClip, F::kDifferences}),
      key<model, &M::enlarge>("model.enlarge",
                              "of weights of smaller kernels: into the middle, or the large one "
                              "resized; none: refused")
          .on_resume(ResumeRule::kNotRead),
      key<model, &M::view_pooling>("model.view_pooling", "how a sample's pictures become one")
          .decides(kRule)
          .of_forms({F::kViews, F::kFrames, F::kJoint, F::kPoints}),
      key<model, &M::view_stem_stride>("model.view_stem_stride",
                                       "stem_stride of the pictures, 2 or 4")
          .within(2, 4)
          .decides(kRule)
          .of_forms({F::kJoint}),
      key<model, &M::view_taps>("model.view_taps",
                                "taps of the pictures, both axes; odd; 0: as kernel")
          .within(0, 17)
          .decides(kShape)
          .of_forms({F::kJoint}),
      key<model, &M::drawing_size>("model.drawing_size", "width and height of its pictures, pixels")
          .within(8, 1024)
          .decides(kRule)
          .of_forms({F::kPoints}),
      key<model, &M::cell_grid>("model.cell_grid", "places of its map along each axis")
          .within(4, 128)
          .decides(kRule)
          .of_forms({F::kCells}),
  };
}

std::vector<Row> layer_rows() {
  return {
      key<model, &M::drop_path>("model.drop_path", "chance to skip the deepest residual branch")
          .below(0, 1),
      key<model, &M::layer_scale>("model.layer_scale", "initial scale of a residual branch")
          .above(0),
      key<model, &M::head_scale>("model.head_scale", "factor on the last layer's first weights")
          .above(0),
      key<model, &M::norm_before_downsampling>(
          "model.norm_before_downsampling",
          "a LayerNorm before the last downsampling too, against values that overflow")
          .decides(kShape),
  };
}

std::vector<Row> start_rows() {
  return {
      key<model, &M::weights>("model.weights",
                              ".safetensors or .pth file, checkpoint or run to start from, or none")
          .names(PathKind::kEither)
          .on_resume(ResumeRule::kNotRead),
      key<model, &M::view_weights>("model.view_weights",
                                   "the same for its views, beside weights of voxels")
          .names(PathKind::kEither)
          .of_forms({F::kJoint})
          .on_resume(ResumeRule::kNotRead),
      key<model, &M::new_head>("model.new_head",
                               "with weights: a new last layer; auto: where class names or their "
                               "number differ; false: where "
                               "the number differs")
          .on_resume(ResumeRule::kNotRead),
      key<model, &M::freeze_stages>("model.freeze_stages",
                                    "keep the stem and the first so many stages as they are")
          .within(0, 4),
  };
}

}  // namespace

std::vector<Row> model_rows() {
  std::vector<Row> all;
  for (const auto& rows : {size_rows(), form_rows(), layer_rows(), start_rows()}) {
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

}  // namespace larkspur::launch
