// SPDX-License-Identifier: Apache-2.0
// Everything a run can be told, as plain structs with their defaults.
//
// The structs say what there is; the key table (config_schema.h) gives each field its dotted path,
// meaning, bounds and rule for resuming; check() says what must hold between fields. Nobody below
// launch sees these types: assembling turns them into the options of the other folders.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "launch/config/choices.h"
#include "model3d/network.h"
#include "pipeline/plan/clip_plan.h"
#include "pipeline/plan/cloud_plan.h"
#include "pipeline/state/optimizer.h"
#include "pipeline/train/trainer.h"

namespace larkspur::launch {

/// Where the samples of one side (training or evaluation) are. Relative paths start at the current
/// directory. At least one of list and root is set in a run that uses the side.
struct SideConfig {
  std::string list;    ///< file that names the samples; empty: the folder `root` is walked
  std::string root;    ///< folder the list's paths start at, or that holds a folder a class
  std::string labels;  ///< file of class names, line number = label; empty: the names sorted
  std::string split;   ///< which part of a folder layout: train or test
};

/// Depth pictures of a cloud from around it.
struct ViewConfig {
  std::int64_t count = 6;   ///< viewpoints around the up axis
  double elevation = 30.0;  ///< of the viewpoints above the ground, degrees
  std::int64_t size = 64;   ///< width and height of a picture, pixels
  double splat = 0.1;       ///< radius of a point, in radii of the shape
};

/// What is read and how it is prepared.
struct DataConfig {
  DataKind kind = DataKind::kCloud;
  bool several_labels = false;  ///< samples show several classes, and lists name all of them
  SideConfig train{"", "", "", "train"};
  SideConfig eval{"", "", "", "test"};
  double holdout = 0.0;                                          ///< share of train kept out of it
  std::int64_t points = 1024;                                    ///< points kept of a cloud
  pipeline::PointSubset subset = pipeline::PointSubset::kDrawn;  ///< evaluation only
  std::int64_t grid = 32;                                        ///< voxels along each axis
  readers::VoxelValue cells = readers::VoxelValue::kOccupancy;   ///< what a voxel holds
  ViewConfig views;                          ///< pictures for the forms views and joint
  pipeline::CloudAugmentation augmentation;  ///< training only
  pipeline::ClipSampling clip;               ///< frames, stride, size of a clip
  pipeline::ClipAugmentation crop;           ///< training only
  pipeline::PictureDistortion distortion;    ///< likewise
  double max_bad_fraction = 0.01;            ///< of the list: more unreadable samples stop the run
  int workers = 1;                           ///< loader threads a rank
  PixelType pixels = PixelType::kFloat32;    ///< of pictures and clips, until the network has them
  std::string index_cache = "auto";          ///< folder of videos' indexes; auto, none
};

/// Where defaults of the network stand.
inline const model3d::ModelOptions kModel{};

/// The network and its first weights; fields of one name mean what they mean in ModelOptions.
struct ModelConfig {
  ModelForm form = ModelForm::kVoxel;
  std::string variant = "micro";  ///< size of the network, by its published name
  std::int64_t classes = 0;       ///< labels are [0, classes); 0: of the list
  std::array<std::int64_t, 3> kernel{
      0, 0, 0};                  ///< taps along depth, height, width; odd; 0: the form's
  std::int64_t stem_stride = 0;  ///< places a step of the first layers, each axis: 2 or 4; 0: the
                                 ///< form's
  std::array<std::int64_t, 4> temporal_strides{2, 1, 1, 1};
  std::array<std::int64_t, 3> temporal_taps{0, 0, 0};
  std::array<std::int64_t, 3> spatial_taps{0, 0, 0};
  bool separable_time = kModel.separable_time;
  model3d::TimePadding time_padding = kModel.time_padding;
  model3d::Inflation inflation = kModel.inflation;
  std::int64_t last_stride = kModel.last_stride;
  model3d::MapPooling map_pooling = kModel.map_pooling;
  model3d::Enlargement enlarge = kModel.enlarge;
  ViewPooling view_pooling = ViewPooling::kMax;
  std::int64_t view_stem_stride = 4;
  std::int64_t view_taps = kModel.view_taps;
  std::int64_t drawing_size = kModel.drawing_size;
  std::int64_t cell_grid = kModel.cell_grid;
  double drop_path = kModel.drop_path;
  double layer_scale = kModel.layer_scale;
  double head_scale = kModel.head_scale;
  std::int64_t freeze_stages = kModel.freeze_stages;
  bool norm_before_downsampling = kModel.norm_before_downsampling;
  std::string weights = "none";       ///< file or checkpoint to start from; none: from the seed
  std::string view_weights = "none";  ///< beside weights of voxels: the views' own
  NewHead new_head = NewHead::kAuto;

  bool starts_from_file() const { return weights != "none"; }
  bool has_view_weights() const { return view_weights != "none"; }
};

/// One training run: what the loop and the optimiser take, and how the run is kept and computed.
/// The seed, the bad samples that are allowed and the workers are keys of other sections.
struct TrainConfig : pipeline::TrainOptions, pipeline::AdamWOptions {
  std::int64_t keep = 3;                   ///< newest checkpoints kept
  std::int64_t keep_every = 0;             ///< beside them one every so many steps; 0: none
  std::int64_t evaluate_every = 0;         ///< epochs between evaluations beside it; 0: none
  std::int64_t bucket_elements = 4194304;  ///< gradient elements exchanged together
  double minutes = 0.0;                    ///< that decide epochs when a run begins; 0: none
  double average_decay = 0.0;              ///< of the weights' average over steps; 0: none is kept
  int threads = 1;                         ///< compute threads a rank
  double deadline_seconds = 60.0;          ///< ranks do not wait longer for one of them
  bool tensorboard = false;                ///< event files beside metrics.jsonl

  /// Of a configuration that says nothing else.
  TrainConfig() {
    epochs = 10;
    warmup_epochs = 1.0;
    weight_decay = 0.05;
  }
};

/// How a trained network is scored.
struct EvalConfig {
  EvalPart on = EvalPart::kEval;    ///< which samples
  std::string protocol = "center";  ///< which views of a sample, by the name of its row
  std::int64_t size = 0;            ///< width and height of a crop; 0: the protocol's, data.size
  std::int64_t batch = 32;          ///< views a forward pass, on each rank
  BadSampleRule bad_samples = BadSampleRule::kWrong;
};

/// The whole of it. Copyable; who holds a const one may read it from any thread.
struct RunConfig {
  std::int64_t seed = 1;                ///< every random draw follows from it; >= 0
  std::string output = "runs/default";  ///< folder of everything the run writes
  DeviceChoice device = DeviceChoice::kAuto;
  ResumeChoice resume = ResumeChoice::kAuto;
  DataConfig data;
  ModelConfig model;
  TrainConfig train;
  EvalConfig eval;
};

/// Where each key of a configuration was set: dotted path -> "configs/a.yaml:12" or
/// "argument 'train.lanes=3'". A key that is absent has its default.
using Origins = std::map<std::string, std::string, std::less<>>;

/// A key of a saved configuration that this program does not know.
struct UnknownKey {
  std::string path;
  std::string value;  ///< as YAML has it
};

/// A configuration and, for messages, where its values come from.
struct LoadedConfig {
  RunConfig config;
  Origins origins;
  std::vector<UnknownKey> unknown{};  ///< of a saved configuration only
};

/// "configs/a.yaml:12: train.lanes: ", or for a default "train.lanes (default): ", behind the place
/// of `cause` if that was set: the key that a default does not go with.
std::string key_origin(const Origins& origins, std::string_view path, std::string_view cause = "");

/// What must hold between keys (the bounds of single keys are the key table's): divisibility, order
/// of bounds, what this build has, what the network says of its options. Throws kInvalidArgument
/// that names place, key and value.
void check(const LoadedConfig& loaded);

/// The part of it that is about the network alone, for commands that have no data.
void check_described_network(const LoadedConfig& loaded);

/// What of `a.pth#model_ema`, a state dict inside a .pth or .pt file, is on disk: `a.pth`. Of any
/// other name, and where a file of the whole name is there, all of it. Reads the disk.
std::string file_of_weights(const std::string& named);

/// That the files or folders that weights start from are there. Throws as check_paths().
void check_weights_paths(const LoadedConfig& loaded);

/// That the files and folders named under the given sections ("data.train", "data.eval") are there.
/// Reads the disk. Throws kNotFound that names place, key, path and the nearest neighbour on disk;
/// kInvalidArgument when a side has neither list nor root.
void check_paths(const LoadedConfig& loaded, const std::vector<std::string>& sides);

}  // namespace larkspur::launch
