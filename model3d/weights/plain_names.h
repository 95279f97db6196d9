// SPDX-License-Identifier: Apache-2.0
// Weights without the prefixes that training programs put before every name: data parallelism
// "module.", torch.compile "_orig_mod.", toolboxes "backbone." and "model.".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pipeline/storage/tensor_file.h"

namespace larkspur::model3d {

/// The prefixes, outermost first, that all names have: "module._orig_mod."; "" where one lacks
/// them.
std::string wrapper_of(const std::vector<std::string>& names);

/// The prefix, if any, that stands before an entry the network lacks: the file has both that prefix
/// and names without it.
std::string wrapper_before(const std::string& missing, const std::vector<std::string>& unexpected);

/// The file under names without wrapper_of(), and a note that says so; itself where there is none.
std::unique_ptr<pipeline::TensorFile> with_plain_names(std::unique_ptr<pipeline::TensorFile> file);

}  // namespace larkspur::model3d
