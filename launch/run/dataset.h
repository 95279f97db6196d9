// SPDX-License-Identifier: Apache-2.0
// From the data keys of a configuration to samples: which list reader and which source a kind of
// data has.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "launch/config/run_config.h"
#include "pipeline/sample_source.h"

namespace larkspur::launch {

/// A side of the data: its samples, and the name of each label.
struct Dataset {
  std::unique_ptr<pipeline::SampleSource> source;
  std::vector<std::string> classes;
};

/// The training list with augmentation. Class names, or numbers up to model.classes; where that is
/// 0 the classes are those of labels file, folders or list. Throws kInvalidArgument when the list
/// has other classes than model.classes says, kNotFound for a list, root or labels file that is not
/// there.
Dataset make_training_data(const RunConfig& config);

/// The evaluation list, its labels renumbered to mean `classes`, of which there is at least one.
/// Throws kInvalidArgument where the list has names and the model numbers only, and no labels file
/// says which name is which number.
Dataset make_evaluation_data(const RunConfig& config, const std::vector<std::string>& classes);

/// Single files, and those of the configuration's kind below folders, viewed as an evaluation views
/// them, in the order given; every label is 0. Throws kInvalidArgument for a folder without one.
Dataset make_data_of_files(const RunConfig& config,
                           const std::vector<std::string>& classes,
                           const std::vector<std::string>& files);

}  // namespace larkspur::launch
