// SPDX-License-Identifier: Apache-2.0
#include "launch/run_config.h"

#include <filesystem>

#include "launch/config_schema.h"
#include "launch/near_name.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

using pipeline::Errc;
using pipeline::Error;
using pipeline::require;

constexpr std::string_view kDevices[] = {"auto", "cpu", "cuda"};
constexpr std::string_view kResumes[] = {"auto", "never"};
constexpr std::string_view kKinds[] = {"cloud", "video", "image"};
constexpr std::string_view kForms[] = {"voxel", "clip", "raw", "grid", "image", "views", "joint"};
constexpr std::string_view kProtocols[] = {"center", "fixed"};
constexpr std::string_view kBadSampleRules[] = {"wrong", "exclude"};
constexpr std::string_view kPrecisions[] = {"float32", "bfloat16"};

bool is_power_of_two(std::int64_t value) { return value > 0 && (value & (value - 1)) == 0; }

std::string value_text(const RunConfig& config, std::string_view path) {
  return text_of_value(find_config_key(path)->get(config));
}

void check_data(const LoadedConfig& loaded) {
  const DataConfig& data = loaded.config.data;
  require(data.kind == DataKind::kCloud,
          Errc::kInvalidArgument,
          blame(loaded.origins, "data.kind"),
          value_text(loaded.config, "data.kind"),
          " is not in this build, which reads: cloud");
  require(data.augmentation.scale_max >= data.augmentation.scale_min,
          Errc::kInvalidArgument,
          blame(loaded.origins, "data.augmentation.scale_max"),
          data.augmentation.scale_max,
          " is below data.augmentation.scale_min, ",
          data.augmentation.scale_min);
}

void check_model(const LoadedConfig& loaded) {
  const ModelConfig& model = loaded.config.model;
  require(model.form == ModelForm::kVoxel,
          Errc::kInvalidArgument,
          blame(loaded.origins, "model.form"),
          value_text(loaded.config, "model.form"),
          " is not in this build, which has: voxel");
  require(model.stem_stride != 3,
          Errc::kInvalidArgument,
          blame(loaded.origins, "model.stem_stride"),
          "3 is neither 2 nor 4");
  for (const std::int64_t taps : model.kernel) {
    require(taps % 2 == 1,
            Errc::kInvalidArgument,
            blame(loaded.origins, "model.kernel"),
            value_text(loaded.config, "model.kernel"),
            " holds ",
            taps,
            ", which is not odd");
  }
}

void check_train(const LoadedConfig& loaded) {
  const TrainConfig& train = loaded.config.train;
  require(is_power_of_two(train.lanes),
          Errc::kInvalidArgument,
          blame(loaded.origins, "train.lanes"),
          train.lanes,
          " is not a power of two");
  require(train.global_batch % train.lanes == 0,
          Errc::kInvalidArgument,
          blame(loaded.origins, "train.global_batch"),
          train.global_batch,
          " is not divisible by train.lanes, ",
          train.lanes);
  require(train.min_learning_rate <= train.learning_rate,
          Errc::kInvalidArgument,
          blame(loaded.origins, "train.min_learning_rate"),
          train.min_learning_rate,
          " is above train.learning_rate, ",
          train.learning_rate);
  require(train.warmup_epochs <= static_cast<double>(train.epochs),
          Errc::kInvalidArgument,
          blame(loaded.origins, "train.warmup_epochs"),
          train.warmup_epochs,
          " is above train.epochs, ",
          train.epochs);
}

void check_path(const LoadedConfig& loaded, const ConfigKey& key) {
  const std::string path = std::get<std::string>(key.get(loaded.config));
  if (path.empty()) return;
  const char* const what = key.exists == PathKind::kFolder ? "folder" : "file";
  const std::string place = blame(loaded.origins, key.path);
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
  require(is_folder == (key.exists == PathKind::kFolder),
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

std::span<const std::string_view> word_list(DeviceChoice) { return kDevices; }
std::span<const std::string_view> word_list(ResumeChoice) { return kResumes; }
std::span<const std::string_view> word_list(DataKind) { return kKinds; }
std::span<const std::string_view> word_list(ModelForm) { return kForms; }
std::span<const std::string_view> word_list(Protocol) { return kProtocols; }
std::span<const std::string_view> word_list(BadSampleRule) { return kBadSampleRules; }
std::span<const std::string_view> word_list(pipeline::Precision) { return kPrecisions; }

std::string blame(const Origins& origins, std::string_view path) {
  const auto origin = origins.find(path);
  if (origin == origins.end()) return std::string(path) + " (default): ";
  return origin->second + ": " + std::string(path) + ": ";
}

void check(const LoadedConfig& loaded) {
  check_data(loaded);
  check_model(loaded);
  check_train(loaded);
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
