// SPDX-License-Identifier: Apache-2.0
#include "launch/config/run_config.h"

#include <filesystem>

#include "launch/config/config_schema.h"
#include "launch/config/near_name.h"
#include "pipeline/lanes.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

using pipeline::Errc;
using pipeline::Error;
using pipeline::require;

constexpr std::string_view kDevices[] = {"auto", "cpu", "cuda"};
constexpr std::string_view kResumes[] = {"auto", "never"};
constexpr std::string_view kKinds[] = {"cloud", "video", "image"};
constexpr std::string_view kForms[] = {
    "voxel", "clip", "raw", "grid", "image", "views", "joint", "points"};
constexpr std::string_view kViewPoolings[] = {"max", "mean"};
constexpr std::string_view kProtocols[] = {"center", "fixed"};
constexpr std::string_view kBadSampleRules[] = {"wrong", "exclude"};
constexpr std::string_view kPrecisions[] = {"float32", "bfloat16", "float16"};
constexpr std::string_view kTimePaddings[] = {"zeros", "replicate"};
constexpr std::string_view kInflations[] = {"centre", "mean"};
constexpr std::string_view kNormScopes[] = {"lane", "synchronised"};

std::string value_text(const RunConfig& config, std::string_view path) {
  return text_of_value(find_config_key(path)->get(config));
}

void check_data(const LoadedConfig& loaded) {
  const DataConfig& data = loaded.config.data;
  require(data.kind != DataKind::kImage,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "data.kind"),
          value_text(loaded.config, "data.kind"),
          " is not in this build, which reads: cloud, video");
  require(data.augmentation.scale_max >= data.augmentation.scale_min,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "data.augmentation.scale_max"),
          data.augmentation.scale_max,
          " is below data.augmentation.scale_min, ",
          data.augmentation.scale_min);
  require(data.crop.area_max >= data.crop.area_min,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "data.crop.area_max"),
          data.crop.area_max,
          " is below data.crop.area_min, ",
          data.crop.area_min);
}

/// A form that can look at samples of a kind.
struct FormOfKind {
  DataKind kind;
  ModelForm form;
};

constexpr FormOfKind kFormsOfKinds[] = {
    {DataKind::kCloud, ModelForm::kVoxel},
    {DataKind::kCloud, ModelForm::kViews},
    {DataKind::kCloud, ModelForm::kJoint},
    {DataKind::kCloud, ModelForm::kPoints},
    {DataKind::kVideo, ModelForm::kClip},
    {DataKind::kVideo, ModelForm::kRaw},
    {DataKind::kVideo, ModelForm::kGrid},
    {DataKind::kImage, ModelForm::kImage},
};

/// The form has a row beside the kind of data.
void check_form(const LoadedConfig& loaded) {
  const RunConfig& config = loaded.config;
  std::string fitting;
  for (const FormOfKind& row : kFormsOfKinds) {
    if (row.kind != config.data.kind) continue;
    if (row.form == config.model.form) return;
    fitting.append(fitting.empty() ? "" : ", ").append(kForms[static_cast<std::size_t>(row.form)]);
  }
  throw Error(Errc::kInvalidArgument,
              key_origin(loaded.origins, "model.form") + value_text(config, "model.form") +
                  " does not look at data.kind " + value_text(config, "data.kind") +
                  "; these do: " + fitting);
}

void check_inflation(const LoadedConfig& loaded) {
  const ModelConfig& model = loaded.config.model;
  if (model.inflation == model3d::Inflation::kCentre) return;
  require(model.time_padding == model3d::TimePadding::kReplicate,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "model.inflation"),
          "mean needs model.time_padding=replicate: beside zeros the ends of a clip would lack the "
          "share of the taps that hang over");
  require(model.starts_from_file(),
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "model.inflation"),
          "mean, but model.weights is none: there is nothing to inflate");
}

/// Keys of the time axis: strides, and nothing told where there is no such axis.
void check_time(const LoadedConfig& loaded) {
  const ModelConfig& model = loaded.config.model;
  for (const char* path : {"model.temporal_strides",
                           "model.temporal_taps",
                           "model.separable_time",
                           "model.time_padding",
                           "model.inflation"}) {
    const ConfigKey& key = *find_config_key(path);
    require(model.form == ModelForm::kClip || key.get(loaded.config) == key.get(RunConfig{}),
            Errc::kInvalidArgument,
            key_origin(loaded.origins, path),
            "only form clip has a time axis");
  }
  for (std::size_t place = 0; place < model.temporal_strides.size(); ++place) {
    const std::int64_t stride = model.temporal_strides[place];
    require(stride == 1 || stride == 2 || (stride == 4 && place == 0),
            Errc::kInvalidArgument,
            key_origin(loaded.origins, "model.temporal_strides"),
            stride,
            place == 0 ? " is none of 1, 2, 4" : " is neither 1 nor 2, behind the stem");
  }
  check_inflation(loaded);
}

/// Taps of single stages.
void check_stage_taps(const LoadedConfig& loaded) {
  const auto check = [&](const char* path, const std::array<std::int64_t, 3>& list) {
    for (const std::int64_t taps : list) {
      require(taps == 0 || taps % 2 == 1,
              Errc::kInvalidArgument,
              key_origin(loaded.origins, path),
              taps,
              " is not odd");
    }
  };
  check("model.temporal_taps", loaded.config.model.temporal_taps);
  check("model.spatial_taps", loaded.config.model.spatial_taps);
}

/// Keys of forms with pictures of a cloud: told where they mean something.
void check_views(const LoadedConfig& loaded) {
  const ModelConfig& model = loaded.config.model;
  const ModelConfig defaults;
  const bool joint = model.form == ModelForm::kJoint;
  const bool points = model.form == ModelForm::kPoints;
  require(model.view_stem_stride != 3,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "model.view_stem_stride"),
          "3 is neither 2 nor 4");
  require(joint || model.view_stem_stride == defaults.view_stem_stride,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "model.view_stem_stride"),
          "only form joint has a second stem; others take model.stem_stride");
  require(joint || model.view_taps == 0,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "model.view_taps"),
          "only form joint has a second kernel; others take model.kernel");
  require(model.view_taps == 0 || model.view_taps % 2 == 1,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "model.view_taps"),
          model.view_taps,
          " is not odd");
  require(points || model.drawing_size == defaults.drawing_size,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "model.drawing_size"),
          "only form points draws; the pictures of others are data.view_size wide");
  require(joint || points || model.form == ModelForm::kViews ||
              model.view_pooling == defaults.view_pooling,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "model.view_pooling"),
          "form ",
          value_text(loaded.config, "model.form"),
          " has no views to pool");
}

/// Where the network starts from, and what is asked of weights that nobody named.
void check_weights(const LoadedConfig& loaded) {
  const ModelConfig& model = loaded.config.model;
  require(model.starts_from_file() || !model.new_head,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "model.new_head"),
          "true, but model.weights is none: the head is new anyway");
  if (!model.has_view_weights()) return;
  require(model.form == ModelForm::kJoint,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "model.view_weights"),
          "only form joint starts its views from weights of their own; form ",
          value_text(loaded.config, "model.form"),
          " takes model.weights");
  require(model.starts_from_file(),
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "model.view_weights"),
          "set, but model.weights, the voxels', is none: weights of pictures alone go there");
}

/// Forms whose samples cannot be blended: a box of voxels is no box of pictures, and points have no
/// order.
void check_mix(const LoadedConfig& loaded) {
  const pipeline::MixOptions& mix = loaded.config.train.mix;
  const ModelForm form = loaded.config.model.form;
  require(!mix.is_on() || (form != ModelForm::kJoint && form != ModelForm::kPoints),
          Errc::kInvalidArgument,
          key_origin(loaded.origins, mix.mixup > 0 ? "train.mixup" : "train.cutmix"),
          "samples of form ",
          value_text(loaded.config, "model.form"),
          " cannot be mixed; set it to 0");
}

void check_model(const LoadedConfig& loaded) {
  const ModelConfig& model = loaded.config.model;
  check_form(loaded);
  check_time(loaded);
  check_stage_taps(loaded);
  check_views(loaded);
  check_weights(loaded);
  check_mix(loaded);
  const bool picture = model.form != ModelForm::kVoxel && model.form != ModelForm::kClip &&
                       model.form != ModelForm::kJoint;
  require(!picture || model.kernel[0] == 1,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "model.kernel"),
          "form ",
          value_text(loaded.config, "model.form"),
          " has two axes: the first must be 1, not ",
          model.kernel[0]);
  require(model.stem_stride != 3,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "model.stem_stride"),
          "3 is neither 2 nor 4");
  for (const std::int64_t taps : model.kernel) {
    require(taps % 2 == 1,
            Errc::kInvalidArgument,
            key_origin(loaded.origins, "model.kernel"),
            value_text(loaded.config, "model.kernel"),
            " holds ",
            taps,
            ", which is not odd");
  }
}

void check_train(const LoadedConfig& loaded) {
  const TrainConfig& train = loaded.config.train;
  require(pipeline::is_power_of_two(train.lanes),
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "train.lanes"),
          train.lanes,
          " is not a power of two");
  require(train.global_batch % train.lanes == 0,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "train.global_batch"),
          train.global_batch,
          " is not divisible by train.lanes, ",
          train.lanes);
  const std::pair<const char*, double> mixes[] = {{"train.mixup", train.mix.mixup},
                                                  {"train.cutmix", train.mix.cutmix}};
  for (const auto& [key, beta] : mixes) {
    require(train.global_batch > train.lanes || beta == 0,
            Errc::kInvalidArgument,
            key_origin(loaded.origins, key),
            "has no partner in a lane of one sample; train.global_batch, ",
            train.global_batch,
            ", must be above train.lanes, ",
            train.lanes);
  }
  require(train.min_learning_rate <= train.learning_rate,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "train.min_learning_rate"),
          train.min_learning_rate,
          " is above train.learning_rate, ",
          train.learning_rate);
  require(train.warmup_epochs <= static_cast<double>(train.epochs),
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "train.warmup_epochs"),
          train.warmup_epochs,
          " is above train.epochs, ",
          train.epochs);
}

void check_path(const LoadedConfig& loaded, const ConfigKey& key) {
  const std::string path = std::get<std::string>(key.get(loaded.config));
  if (path.empty()) return;
  const char* const what = key.exists == PathKind::kFile     ? "file"
                           : key.exists == PathKind::kFolder ? "folder"
                                                             : "file or folder";
  const std::string place = key_origin(loaded.origins, key.path);
  std::error_code unreadable;
  const auto status = std::filesystem::status(path, unreadable);
  require(std::filesystem::exists(status),
          Errc::kNotFound,
          place,
          "no such ",
          what,
          " '",
          path,
          "'",
          did_you_mean_path(path));
  const bool is_folder = std::filesystem::is_directory(status);
  require(key.exists == PathKind::kEither || is_folder == (key.exists == PathKind::kFolder),
          Errc::kInvalidArgument,
          place,
          "'",
          path,
          "' is a ",
          is_folder ? "folder" : "file",
          ", expected a ",
          what);
}

}  // namespace

std::span<const std::string_view> enum_names(DeviceChoice) { return kDevices; }
std::span<const std::string_view> enum_names(ResumeChoice) { return kResumes; }
std::span<const std::string_view> enum_names(DataKind) { return kKinds; }
std::span<const std::string_view> enum_names(ModelForm) { return kForms; }
std::span<const std::string_view> enum_names(ViewPooling) { return kViewPoolings; }
std::span<const std::string_view> enum_names(Protocol) { return kProtocols; }
std::span<const std::string_view> enum_names(BadSampleRule) { return kBadSampleRules; }
std::span<const std::string_view> enum_names(pipeline::Precision) { return kPrecisions; }
std::span<const std::string_view> enum_names(model3d::TimePadding) { return kTimePaddings; }
std::span<const std::string_view> enum_names(model3d::Inflation) { return kInflations; }
std::span<const std::string_view> enum_names(pipeline::NormScope) { return kNormScopes; }

std::string key_origin(const Origins& origins, std::string_view path) {
  const auto origin = origins.find(path);
  if (origin == origins.end()) return std::string(path) + " (default): ";
  return origin->second + ": " + std::string(path) + ": ";
}

void check(const LoadedConfig& loaded) {
  check_data(loaded);
  check_model(loaded);
  check_train(loaded);
}

void check_weights_paths(const LoadedConfig& loaded) {
  const ModelConfig& model = loaded.config.model;
  if (model.starts_from_file()) check_path(loaded, *find_config_key("model.weights"));
  if (model.has_view_weights()) check_path(loaded, *find_config_key("model.view_weights"));
}

void check_paths(const LoadedConfig& loaded, const std::vector<std::string>& sides) {
  for (const std::string& side : sides) {
    bool named = false;
    for (const ConfigKey& key : config_keys()) {
      if (key.exists == PathKind::kNone || !key.path.starts_with(side + ".")) continue;
      check_path(loaded, key);
      const bool holds_samples = !key.path.ends_with(".labels");
      named |= holds_samples && !std::get<std::string>(key.get(loaded.config)).empty();
    }
    require(named, Errc::kInvalidArgument, side, ": neither list nor root is set");
  }
}

}  // namespace larkspur::launch
