// SPDX-License-Identifier: Apache-2.0
// From the data keys of a configuration to samples: which list reader and which source a kind of
// data has.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "launch/config/run_config.h"
#include "pipeline/sample_source.h"
#include "readers/cloud/cloud_source.h"
#include "readers/video/clip_source.h"

namespace larkspur::launch {

/// A side of the data: its samples, and the name of each label.
struct Dataset {
  std::unique_ptr<pipeline::SampleSource> source;
  std::vector<std::string> classes;
};

/// The samples of a side in whatever layout it is, by the reader of the data's kind. Opens no
/// sample. Throws kNotFound, kInvalidArgument.
readers::SampleList read_list(const DataConfig& data, const SideConfig& side);

/// What a training sees of data.train: all but what data.holdout keeps out. Throws likewise.
readers::SampleList training_list(const RunConfig& config);

/// What an evaluation scores, by eval.on, and the side it comes from. Throws likewise, and
/// kInvalidArgument where data.holdout is 0.
readers::SampleList evaluation_list(const RunConfig& config);
const SideConfig& evaluated_side(const RunConfig& config);

/// What `data.index_cache` stands for: auto is larkspur/videos in XDG_CACHE_HOME, else in ~/.cache,
/// where `data index` keeps indexes and runs only look for them.
readers::IndexFolder index_folder(const std::string& choice);

/// What the values of pictures and clips are until the network has them.
at::ScalarType type_of(PixelType pixels);

/// How an evaluation of the configuration looks at videos and at clouds.
readers::ClipSourceOptions eval_clip_options(const RunConfig& config);
readers::CloudSourceOptions eval_cloud_options(const RunConfig& config);

/// The training list with augmentation. Class names, or numbers up to model.classes; where that is
/// 0 the classes are those of labels file, folders or list. Throws kInvalidArgument when the list
/// has other classes than model.classes says, kNotFound for a list, root or labels file that is not
/// there. A rehearsal's source keeps no indexes.
Dataset make_training_data(const RunConfig& config, bool rehearsal = false);

/// The evaluation list, its labels renumbered to mean `classes`, of which there is at least one.
/// Throws kInvalidArgument where the list has names and the model numbers only, and no labels file
/// says which name is which number.
Dataset make_evaluation_data(const RunConfig& config, const std::vector<std::string>& classes);

/// What the rows of a head mean that names no classes: those of the evaluation list, or of its
/// labels file, which must be as many as model.classes says; bare numbers stand for themselves up
/// to it. Throws kInvalidArgument where they are not, or a list of numbers leaves model.classes
/// open.
std::vector<std::string> classes_of_evaluation(const RunConfig& config);

/// How many samples of the evaluation list of `now` are files of the training list of `trained`,
/// by path (and place in a pack); nothing where that list is not there any more.
std::optional<std::int64_t> samples_in_training(const RunConfig& trained, const RunConfig& now);

/// Single files, and those of the configuration's kind below folders, viewed as an evaluation views
/// them, in the order given; every label is 0. Throws kInvalidArgument for a folder without one.
Dataset make_data_of_files(const RunConfig& config,
                           const std::vector<std::string>& classes,
                           const std::vector<std::string>& files);

}  // namespace larkspur::launch
