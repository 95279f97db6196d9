// SPDX-License-Identifier: Apache-2.0
// Weights from and to files, by their published entry names.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model3d/network.h"
#include "model3d/weights/weights.h"
#include "pipeline/storage/safetensors.h"
#include "pipeline/storage/tensor_file.h"

namespace larkspur::launch {

/// A `.safetensors`, `.pth` or `.pt` file, or a folder: the network of a checkpoint as network_of()
/// finds it, its entries under their published names; held in memory. `a.pth#model_ema` is the
/// state dict under that key; a prefix that all names have is left out. Throws kNotFound;
/// kUnsupported naming the suffix for another kind of file; what opening it throws.
std::unique_ptr<pipeline::TensorFile> open_weights(const std::filesystem::path& path);

/// The class names that the weights were trained on, in the order of the head's rows; none where
/// the file does not say. Throws kCorruptData for metadata that is no list of as many names.
std::vector<std::string> class_names_of(const pipeline::TensorFile& file);

/// Fills the network, and says in the log what the file had too much of and whether the head stayed
/// the network's own, with `why_new` behind it where the rule is kKeepOwn. Throws kInvalidArgument
/// that lists what the file lacks, and what model3d::load_weights throws.
model3d::LoadedWeights fill_from_weights(model3d::Network& network,
                                         const pipeline::TensorFile& file,
                                         model3d::HeadRule head,
                                         const std::string& why_new = "");

/// That a file's metadata about a network of the same form, if it has some, tell the sizes and
/// rules of this one: many change no shape. Throws kInvalidArgument naming file, both values and
/// the option.
void check_metadata(const model3d::Network& network, const pipeline::TensorFile& file);

/// Writes the network's entries, merged or as trained, with the model's options and class names as
/// metadata. The file appears whole or not at all and replaces one that is there. Throws kIo.
void write_weights(const model3d::Network& network,
                   const std::vector<std::string>& classes,
                   const std::filesystem::path& path);

/// Writes tensors under their names, float32, with their shapes, in the same way.
void write_tensors(const std::vector<model3d::NamedTensor>& entries,
                   const pipeline::TensorFileMetadata& metadata,
                   const std::filesystem::path& path);

/// CRC-32C over the values of every entry, in order of use.
std::uint32_t weights_crc(const model3d::Network& network);

}  // namespace larkspur::launch
