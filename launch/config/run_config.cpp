// SPDX-License-Identifier: Apache-2.0
#include "launch/config/run_config.h"

#include <algorithm>
#include <filesystem>

#include "launch/config/config_schema.h"
#include "launch/config/model_options.h"
#include "launch/config/near_name.h"
#include "model3d/option_error.h"
#include "pipeline/lanes.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

using pipeline::Errc;
using pipeline::Error;
using pipeline::require;

std::string value_text(const RunConfig& config, std::string_view path) {
  return text_of_value(find_config_key(path)->get(config));
}

void check_data(const LoadedConfig& loaded) {
  const DataConfig& data = loaded.config.data;
  require(data.augmentation.scale_max >= data.augmentation.scale_min,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "data.augmentation.scale_max", "data.augmentation.scale_min"),
          data.augmentation.scale_max,
          " is below data.augmentation.scale_min, ",
          data.augmentation.scale_min);
  require(data.crop.area_max >= data.crop.area_min,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "data.crop.area_max", "data.crop.area_min"),
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
    {DataKind::kCloud, ModelForm::kCells},
    {DataKind::kVideo, ModelForm::kClip},
    {DataKind::kVideo, ModelForm::kDifferences},
    {DataKind::kVideo, ModelForm::kRaw},
    {DataKind::kVideo, ModelForm::kGrid},
    {DataKind::kVideo, ModelForm::kFrames},
    {DataKind::kImage, ModelForm::kImage},
};

/// The form has a row beside the kind of data.
void check_form(const LoadedConfig& loaded) {
  const RunConfig& config = loaded.config;
  std::string fitting;
  for (const FormOfKind& row : kFormsOfKinds) {
    if (row.kind != config.data.kind) continue;
    if (row.form == config.model.form) return;
    fitting.append(fitting.empty() ? "" : ", ").append(enum_name(row.form));
  }
  throw Error(Errc::kInvalidArgument,
              key_origin(loaded.origins, "model.form", "data.kind") +
                  value_text(config, "model.form") + " does not look at data.kind " +
                  value_text(config, "data.kind") + "; these do: " + fitting);
}

/// A key that the form does not take stays at its default.
void check_taken(const LoadedConfig& loaded) {
  const RunConfig defaults;
  const ModelForm form = loaded.config.model.form;
  for (const ConfigKey& key : config_keys()) {
    if (key.is_taken_by(form) || key.get(loaded.config) == key.get(defaults)) continue;
    std::string takers;
    for (const ModelForm taker : key.forms) {
      takers.append(takers.empty() ? "" : ", ").append(enum_name(taker));
    }
    throw Error(Errc::kInvalidArgument,
                key_origin(loaded.origins, key.path) + "form " +
                    value_text(loaded.config, "model.form") + " does not take it (" + takers +
                    (key.forms.size() == 1 ? " does" : " do") + "): leave it at " +
                    text_of_value(key.get(defaults)));
  }
}

/// The protocol looks at samples of the kind, and takes the size that was set.
void check_protocol(const LoadedConfig& loaded) {
  const EvalConfig& eval = loaded.config.eval;
  const DataKind kind = loaded.config.data.kind;
  require(pipeline::find_protocol(eval.protocol).fits(kind),
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "eval.protocol", "data.kind"),
          eval.protocol,
          " does not look at data.kind ",
          value_text(loaded.config, "data.kind"),
          "; these do: ",
          pipeline::protocols_of(kind));
  require(eval.size == 0 || kind != DataKind::kCloud,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "eval.size", "data.kind"),
          eval.size,
          ", but views of clouds have no such size: leave it at 0");
}

/// Seconds are given where they are asked for, and published protocols count strides.
void check_sampling(const LoadedConfig& loaded) {
  using By = pipeline::FrameSampling;
  const pipeline::ClipSampling& clip = loaded.config.data.clip;
  const std::string by = value_text(loaded.config, "data.sampling");
  require((clip.by == By::kSeconds) == (clip.seconds > 0),
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "data.seconds", "data.sampling"),
          clip.seconds,
          clip.by == By::kSeconds ? ": data.sampling=seconds needs the length of a clip"
                                  : ", but data.sampling is " + by + ": leave it at 0");
  require(clip.by == By::kStride || loaded.config.data.kind != DataKind::kVideo ||
              loaded.config.eval.protocol == "center",
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "eval.protocol", "data.sampling"),
          loaded.config.eval.protocol,
          " counts strides, but data.sampling is ",
          by,
          ": take center, or data.sampling=stride");
}

/// What the network itself has to say of its options, with the place that set them.
void check_network(const LoadedConfig& loaded) {
  try {
    model3d::ModelOptions options = model_options(loaded.config);
    options.classes = std::max<std::int64_t>(1, options.classes);  // 0: the list will say it
    options.check();
  } catch (const model3d::OptionError& error) {
    throw Error(
        Errc::kInvalidArgument,
        key_origin(loaded.origins, "model." + error.field(), "model.form") + error.reason());
  }
}

/// Where the network starts from, and what is asked of weights that nobody named.
void check_weights(const LoadedConfig& loaded) {
  const ModelConfig& model = loaded.config.model;
  require(model.starts_from_file() || model.new_head != NewHead::kTrue,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "model.new_head"),
          "true, but model.weights is none: the head is new anyway");
  require(model.inflation == model3d::Inflation::kCentre || model.starts_from_file(),
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "model.inflation"),
          "mean, but model.weights is none: there is nothing to inflate");
  require(model.enlarge == model3d::Enlargement::kNone || model.starts_from_file(),
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "model.enlarge"),
          "set, but model.weights is none: there is nothing to enlarge");
  require(!model.has_view_weights() || model.starts_from_file(),
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "model.view_weights"),
          "set, but model.weights, the voxels', is none: weights of pictures alone go there");
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
          key_origin(loaded.origins, "train.global_batch", "train.lanes"),
          train.global_batch,
          " is not divisible by train.lanes, ",
          train.lanes);
  const std::int64_t lane_views = train.global_batch / train.lanes;
  require(lane_views % train.repeats == 0,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "train.repeats", "train.global_batch"),
          train.repeats,
          " does not divide the ",
          lane_views,
          " views of a lane (train.global_batch over train.lanes)");
  const std::pair<const char*, double> mixes[] = {{"train.mixup", train.mix.mixup},
                                                  {"train.cutmix", train.mix.cutmix}};
  for (const auto& [key, beta] : mixes) {
    require(lane_views > train.repeats || beta == 0,
            Errc::kInvalidArgument,
            key_origin(loaded.origins, key, "train.lanes"),
            "has no partner in a lane of one sample; train.global_batch, ",
            train.global_batch,
            ", must be above train.lanes, ",
            train.lanes,
            train.repeats == 1 ? "" : pipeline::text_of(", times train.repeats, ", train.repeats));
  }
  require(train.min_learning_rate <= train.learning_rate,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "train.min_learning_rate", "train.learning_rate"),
          train.min_learning_rate,
          " is above train.learning_rate, ",
          train.learning_rate);
  const bool are_epochs_known = train.minutes == 0;
  require(train.warmup_epochs <= static_cast<double>(train.epochs) || !are_epochs_known ||
              train.warmup_share > 0,
          Errc::kInvalidArgument,
          key_origin(loaded.origins, "train.warmup_epochs", "train.epochs"),
          train.warmup_epochs,
          " is above train.epochs, ",
          train.epochs);
}

/// What takes one label a sample.
void check_several_labels(const LoadedConfig& loaded) {
  const TrainConfig& train = loaded.config.train;
  if (!loaded.config.data.several_labels) return;
  const std::pair<const char*, double> keys[] = {{"train.mixup", train.mix.mixup},
                                                 {"train.cutmix", train.mix.cutmix},
                                                 {"train.label_smoothing", train.label_smoothing}};
  for (const auto& [key, value] : keys) {
    require(value == 0.0,
            Errc::kInvalidArgument,
            key_origin(loaded.origins, key, "data.several_labels"),
            value,
            ", but with data.several_labels it has no meaning: leave it at 0");
  }
}

/// That the path, which the key names, is there; none: nothing to be there.
void check_path(const LoadedConfig& loaded, const ConfigKey& key, const std::string& path) {
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

std::string key_origin(const Origins& origins, std::string_view path, std::string_view cause) {
  const auto origin = origins.find(path);
  if (origin != origins.end()) return origin->second + ": " + std::string(path) + ": ";
  const auto cause_origin = origins.find(cause);
  return (cause_origin == origins.end() ? "" : cause_origin->second + ": ") + std::string(path) +
         " (default): ";
}

void check_described_network(const LoadedConfig& loaded) {
  check_taken(loaded);
  check_network(loaded);
}

void check(const LoadedConfig& loaded) {
  check_data(loaded);
  check_form(loaded);
  check_protocol(loaded);
  check_sampling(loaded);
  check_described_network(loaded);
  check_weights(loaded);
  check_several_labels(loaded);
  check_train(loaded);
}

std::string file_of_weights(const std::string& named) {
  const std::string file = named.substr(0, named.rfind('#'));
  const bool holds_dicts = file.ends_with(".pth") || file.ends_with(".pt");
  std::error_code unreadable;
  return holds_dicts && !std::filesystem::exists(named, unreadable) ? file : named;
}

void check_weights_paths(const LoadedConfig& loaded) {
  const auto check_named = [&](const char* key, const std::string& named) {
    check_path(loaded, *find_config_key(key), file_of_weights(named));
  };
  const ModelConfig& model = loaded.config.model;
  if (model.starts_from_file()) check_named("model.weights", model.weights);
  if (model.has_view_weights()) check_named("model.view_weights", model.view_weights);
}

void check_paths(const LoadedConfig& loaded, const std::vector<std::string>& sides) {
  for (const std::string& side : sides) {
    bool named = false;
    for (const ConfigKey& key : config_keys()) {
      if (key.exists == PathKind::kNone || !key.path.starts_with(side + ".")) continue;
      const auto path = std::get<std::string>(key.get(loaded.config));
      check_path(loaded, key, path);
      const bool holds_samples = !key.path.ends_with(".labels");
      named |= holds_samples && !path.empty();
    }
    require(named, Errc::kInvalidArgument, side, ": neither list nor root is set");
  }
}

}  // namespace larkspur::launch
