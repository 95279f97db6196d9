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
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/cloud_plan.h"

namespace larkspur::launch {

// Words of a closed choice; word_list() of any value gives the spellings in the order of the
// values.
enum class DeviceChoice : std::uint8_t { kAuto, kCpu, kCuda };
enum class ResumeChoice : std::uint8_t { kAuto, kNever };
enum class DataKind : std::uint8_t { kCloud, kVideo, kImage };
enum class ModelForm : std::uint8_t { kVoxel, kClip, kRaw, kGrid, kImage, kViews, kJoint };
enum class Protocol : std::uint8_t { kCenter, kFixed };
enum class BadSampleRule : std::uint8_t { kWrong, kExclude };

std::span<const std::string_view> word_list(DeviceChoice any);
std::span<const std::string_view> word_list(ResumeChoice any);
std::span<const std::string_view> word_list(DataKind any);
std::span<const std::string_view> word_list(ModelForm any);
std::span<const std::string_view> word_list(Protocol any);
std::span<const std::string_view> word_list(BadSampleRule any);

/// Where the samples of one side (training or evaluation) are. Relative paths start at the current
/// directory. At least one of list and root is set in a run that uses the side.
struct SideConfig {
  std::string list;  ///< file that names the samples; empty: the folder `root` is walked
  std::string root;  ///< folder the list's paths start at, or that holds a folder a class
  std::string
      labels;         ///< file of class names, one a line, line number = label; empty: sorted names
  std::string split;  ///< which part of a folder layout: train or test
};

struct DataConfig {
  DataKind kind = DataKind::kCloud;
  SideConfig train{"", "", "", "train"};
  SideConfig eval{"", "", "", "test"};
  std::int64_t points = 1024;                ///< points kept of a cloud
  std::int64_t grid = 32;                    ///< voxels along each axis
  pipeline::CloudAugmentation augmentation;  ///< training only
  double max_bad_fraction = 0.01;            ///< of the list: more unreadable samples stop the run
  int workers = 1;                           ///< loader threads a rank
};

struct ModelConfig {
  ModelForm form = ModelForm::kVoxel;
  std::string variant = "micro";  ///< size of the network, by its published name
  std::int64_t classes = 40;
  std::array<std::int64_t, 3> kernel{7, 7, 7};  ///< taps along depth, height, width; odd
  std::int64_t stem_stride = 2;  ///< voxels a step of the first layers, along each axis
  double drop_path = 0.0;        ///< chance that a sample skips the deepest residual branch
  double layer_scale = 1e-6;     ///< initial scale of a residual branch; 0: no scale
  double head_scale = 1.0;       ///< factor on the initial weights of the last layer
  std::string weights = "none";  ///< where to start from; none: drawn from the seed
};

struct TrainConfig {
  std::int64_t epochs = 10;
  std::int64_t global_batch = 16;  ///< samples a step, over all ranks
  int lanes = 4;                   ///< slices of a global batch; also the most ranks there can be
  double learning_rate = 1e-3;     ///< peak, reached after the warm-up
  double min_learning_rate = 0.0;  ///< reached at the last step, by a cosine
  double weight_decay = 0.05;      ///< decoupled, AdamW
  double beta1 = 0.9;              ///< decay of the gradient's mean
  double beta2 = 0.999;            ///< decay of the gradient's mean square
  double epsilon = 1e-8;           ///< added to the root of the mean square
  double warmup_epochs = 1.0;      ///< epochs of linear rise from zero
  double label_smoothing = 0.0;    ///< probability spread over all classes
  double clip_norm = 0.0;          ///< largest norm of the global gradient; 0: no clipping
  std::int64_t checkpoint_every = 0;       ///< steps; 0: at the end of each epoch only
  std::int64_t keep = 3;                   ///< newest checkpoints kept
  std::int64_t bucket_elements = 4194304;  ///< gradient elements exchanged together
  int threads = 1;                         ///< compute threads a rank
  std::int64_t stop_after_steps = 0;       ///< stop there with a checkpoint; 0: run to the end
};

struct EvalConfig {
  Protocol protocol = Protocol::kCenter;
  std::int64_t batch = 32;  ///< samples a forward pass, on each rank
  BadSampleRule bad_samples = BadSampleRule::kWrong;
};

struct RunConfig {
  std::int64_t seed = 1;
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

/// A configuration and, for messages, where its values come from.
struct LoadedConfig {
  RunConfig config;
  Origins origins;
};

/// "configs/a.yaml:12: train.lanes: " or, for a default, "train.lanes (default): ".
std::string blame(const Origins& origins, std::string_view path);

/// What must hold between keys (the bounds of single keys are the key table's): divisibility, order
/// of bounds, what this build has. Throws kInvalidArgument that names place, key and value.
void check(const LoadedConfig& loaded);

/// That the files and folders named under the given sections ("data.train", "data.eval") are there.
/// Reads the disk. Throws kNotFound that names place, key, path and the nearest neighbour on disk;
/// kInvalidArgument when a side has neither list nor root.
void check_paths(const LoadedConfig& loaded, const std::vector<std::string>& sides);

}  // namespace larkspur::launch
