// SPDX-License-Identifier: Apache-2.0
#include "launch/run/dataset.h"

#include <cstdlib>
#include <unordered_set>

#include "launch/run/label_map.h"
#include "pipeline/log.h"
#include "pipeline/require.h"
#include "pipeline/utf8.h"
#include "readers/file_kind.h"
#include "readers/list/cloud_list.h"
#include "readers/list/folder_walk.h"
#include "readers/list/held_out.h"
#include "readers/list/image_list.h"
#include "readers/list/list_notes.h"
#include "readers/list/media_files.h"
#include "readers/list/pack_list.h"
#include "readers/list/video_list.h"

namespace larkspur::launch {
namespace {

using pipeline::Errc;
using pipeline::require;

bool is_pack(const std::filesystem::path& path) {
  return readers::kind_of_file(path) == readers::FileKind::kPack;
}

std::string title_of(const SideConfig& side) { return side.list.empty() ? side.root : side.list; }

// Once a run: every rank reads the same list.
void log_notes(const readers::SampleList& list, const SideConfig& side) {
  for (const std::string& note : readers::notes_on(list)) {
    pipeline::log_info(title_of(side) + ": " + note);
  }
}

readers::HeldOut held_out_of(const RunConfig& config) {
  return {config.data.holdout, static_cast<std::uint64_t>(config.seed)};
}

enum class Purpose { kTraining, kRehearsal, kEvaluation };

std::unique_ptr<pipeline::SampleSource> make_clips(const RunConfig& config,
                                                   readers::SampleList list,
                                                   Purpose purpose) {
  readers::ClipSourceOptions options = eval_clip_options(config);
  options.training = purpose != Purpose::kEvaluation;
  if (purpose == Purpose::kRehearsal) options.index_cache.is_read_only = true;
  return std::make_unique<readers::ClipSource>(std::move(list), options);
}

/// What the network of a form sees of a cloud.
readers::CloudProduct product_of(ModelForm form) {
  switch (form) {
    case ModelForm::kViews:
      return readers::CloudProduct::kViews;
    case ModelForm::kJoint:
      return readers::CloudProduct::kVoxelsAndViews;
    case ModelForm::kPoints:
    case ModelForm::kCells:
      return readers::CloudProduct::kPoints;
    default:
      return readers::CloudProduct::kVoxels;
  }
}

std::unique_ptr<pipeline::SampleSource> make_clouds(const RunConfig& config,
                                                    readers::SampleList list,
                                                    Purpose purpose) {
  readers::CloudSourceOptions options = eval_cloud_options(config);
  options.training = purpose != Purpose::kEvaluation;
  return std::make_unique<readers::CloudSource>(std::move(list), options);
}

Dataset make_side(const RunConfig& config, readers::SampleList list, Purpose purpose) {
  for (const std::string& name : list.classes) {
    require(pipeline::as_utf8(name) == name,
            Errc::kInvalidArgument,
            "the class name '",
            pipeline::as_utf8(name),
            "' is not UTF-8");
  }
  Dataset side;
  side.classes = list.classes;
  side.source = config.data.kind == DataKind::kCloud ? make_clouds(config, std::move(list), purpose)
                                                     : make_clips(config, std::move(list), purpose);
  return side;
}

/// "0", "1", ...
std::vector<std::string> numbers_below(std::size_t count) {
  std::vector<std::string> numbers;
  for (std::size_t i = 0; i < count; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

}  // namespace

readers::SampleList read_list(const DataConfig& data, const SideConfig& side) {
  const readers::ListOptions options{
      side.list, side.root, side.labels, side.split, "", data.several_labels};
  const auto read = data.kind == DataKind::kVideo   ? readers::read_video_list
                    : data.kind == DataKind::kImage ? readers::read_image_list
                                                    : readers::read_cloud_list;
  readers::SampleList list = read(options);
  list.several_labels = data.several_labels;
  return list;
}

readers::SampleList training_list(const RunConfig& config) {
  readers::SampleList list = read_list(config.data, config.data.train);
  if (config.data.holdout == 0 || !list.is_labelled()) return list;
  return readers::part_of(std::move(list), held_out_of(config), false);
}

const SideConfig& evaluated_side(const RunConfig& config) {
  return config.eval.on == EvalPart::kHoldout ? config.data.train : config.data.eval;
}

readers::SampleList evaluation_list(const RunConfig& config) {
  readers::SampleList list = read_list(config.data, evaluated_side(config));
  if (config.eval.on == EvalPart::kEval) return list;
  require(config.data.holdout > 0 && list.is_labelled(),
          Errc::kInvalidArgument,
          "eval.on=holdout needs data.holdout > 0, as the training had it, and a list with labels");
  return readers::part_of(std::move(list), held_out_of(config), true);
}

at::ScalarType type_of(PixelType pixels) {
  if (pixels == PixelType::kUint8) return at::kByte;
  return pixels == PixelType::kBfloat16 ? at::kBFloat16 : at::kFloat;
}

readers::ClipSourceOptions eval_clip_options(const RunConfig& config) {
  readers::ClipSourceOptions options;
  options.sampling = config.data.clip;
  options.pixels = type_of(config.data.pixels);
  options.augmentation = config.data.crop;
  options.distortion = config.data.distortion;
  if (config.data.kind == DataKind::kImage) {
    options.product = readers::ClipProduct::kImage;
    options.sampling.frames = 1;
  } else {
    options.index_cache = index_folder(config.data.index_cache);
  }
  options.eval_views = pipeline::sized(
      pipeline::find_protocol(config.eval.protocol).clips, config.data.clip.size, config.eval.size);
  return options;
}

readers::IndexFolder index_folder(const std::string& choice) {
  if (choice == "none") return {};
  if (choice != "auto") return {choice};
  const auto set = [](const char* name) {
    const char* const value = std::getenv(name);
    return std::filesystem::path(value == nullptr ? "" : value);
  };
  const std::filesystem::path caches = set("XDG_CACHE_HOME");
  const std::filesystem::path home = set("HOME");
  if (caches.is_absolute()) return {caches / "larkspur" / "videos", true};
  if (home.is_absolute()) return {home / ".cache" / "larkspur" / "videos", true};
  return {};
}

readers::CloudSourceOptions eval_cloud_options(const RunConfig& config) {
  readers::CloudSourceOptions options;
  options.points = config.data.points;
  options.product = product_of(config.model.form);
  options.voxels = {config.data.grid, config.data.cells};
  const ViewConfig& views = config.data.views;
  // Three channels, as networks trained on colour take.
  options.views = {views.count, views.elevation, views.size, views.splat, 3};
  options.augmentation = config.data.augmentation;
  options.eval_views = pipeline::find_protocol(config.eval.protocol).clouds;
  options.subset = config.data.subset;
  options.draw_seed = static_cast<std::uint64_t>(config.seed);
  return options;
}

Dataset make_training_data(const RunConfig& config, bool rehearsal) {
  const SideConfig& side = config.data.train;
  readers::SampleList list = training_list(config);
  require(list.is_labelled(),
          Errc::kInvalidArgument,
          title_of(side),
          " names samples without their classes: a training needs labels");
  const auto classes = config.model.classes == 0 ? list.classes.size()
                                                 : static_cast<std::size_t>(config.model.classes);
  if (are_numbers(list.classes)) align_labels(list, numbers_below(classes), title_of(side));
  require(list.classes.size() == classes,
          Errc::kInvalidArgument,
          title_of(side),
          " has ",
          list.classes.size(),
          " classes, model.classes is ",
          config.model.classes);
  log_notes(list, side);
  const Purpose purpose = rehearsal ? Purpose::kRehearsal : Purpose::kTraining;
  return make_side(config, std::move(list), purpose);
}

Dataset make_evaluation_data(const RunConfig& config, const std::vector<std::string>& classes) {
  readers::SampleList list = evaluation_list(config);
  const SideConfig& side = evaluated_side(config);
  require(!list.is_labelled() || !are_numbers(classes) || are_numbers(list.classes) ||
              !side.labels.empty(),
          Errc::kInvalidArgument,
          title_of(side),
          " names its classes, the model was trained on bare numbers: set data.eval.labels to the "
          "file of names in the order of those numbers");
  align_labels(list, classes, title_of(side));
  log_notes(list, side);
  return make_side(config, std::move(list), Purpose::kEvaluation);
}

std::vector<std::string> classes_of_evaluation(const RunConfig& config) {
  const SideConfig& side = evaluated_side(config);
  const readers::SampleList list = evaluation_list(config);
  const auto wanted = static_cast<std::size_t>(config.model.classes);
  if (are_numbers(list.classes) || !list.is_labelled()) {
    require(wanted > 0,
            Errc::kInvalidArgument,
            title_of(side),
            " names no classes: set model.classes to how many the weights have");
    return numbers_below(wanted);
  }
  require(wanted == 0 || list.classes.size() == wanted,
          Errc::kInvalidArgument,
          title_of(side),
          " has ",
          list.classes.size(),
          " classes, model.classes is ",
          wanted,
          ": name all of them in data.eval.labels, in the order of the weights");
  return list.classes;
}

std::optional<std::int64_t> samples_in_training(const RunConfig& trained, const RunConfig& now) {
  const auto place = [](const readers::SampleEntry& entry) {
    return std::filesystem::absolute(entry.place()).lexically_normal().string();
  };
  std::unordered_set<std::string> known;
  try {
    for (const readers::SampleEntry& entry : training_list(trained).entries) {
      known.insert(place(entry));
    }
  } catch (const pipeline::Error&) {  // a list that has moved since says nothing
    return std::nullopt;
  }
  std::int64_t both = 0;
  for (const readers::SampleEntry& entry : evaluation_list(now).entries) {
    both += known.contains(place(entry)) ? 1 : 0;
  }
  return both;
}

namespace {

std::vector<readers::MediaFile> samples_below(const std::string& folder, DataKind kind) {
  if (kind == DataKind::kVideo) return readers::videos_below(folder);
  std::vector<readers::MediaFile> files = readers::find_media_files(folder, {}).files;
  const auto is_of_kind =
      kind == DataKind::kImage ? readers::is_image_file : readers::is_cloud_file;
  std::erase_if(files, [&](const readers::MediaFile& file) {
    return !is_of_kind(file.path) && !is_pack(file.path);
  });
  return files;
}

}  // namespace

Dataset make_data_of_files(const RunConfig& config,
                           const std::vector<std::string>& classes,
                           const std::vector<std::string>& files) {
  readers::SampleList list{{}, classes};
  const auto add = [&](const std::string& name, const std::filesystem::path& path) {
    if (config.data.kind != DataKind::kCloud || !is_pack(path)) {
      list.entries.push_back({name, path, 0});
      return;
    }
    for (readers::SampleEntry& cloud : readers::clouds_of_pack(path)) {
      cloud.name = cloud.place();
      list.entries.push_back(std::move(cloud));
    }
  };
  for (const std::string& file : files) {
    if (!readers::is_folder(file)) {
      add(file, file);
      continue;
    }
    const std::size_t before = list.entries.size();
    for (const readers::MediaFile& found : samples_below(file, config.data.kind)) {
      add(found.name, found.path);
    }
    require(list.entries.size() > before,
            Errc::kInvalidArgument,
            file,
            ": a folder without a file that the model takes");
  }
  return make_side(config, std::move(list), Purpose::kEvaluation);
}

}  // namespace larkspur::launch
