// SPDX-License-Identifier: Apache-2.0
#include "launch/run/weights_file.h"

#include <algorithm>
#include <map>
#include <utility>

#include "launch/run/assemble.h"
#include "model3d/weights/pth_file.h"
#include "pipeline/log.h"
#include "pipeline/require.h"
#include "pipeline/storage/crc32c.h"
#include "pipeline/storage/durable_file.h"
#include "pipeline/storage/safetensors.h"

namespace larkspur::launch {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::require;
using pipeline::text_of;

constexpr model3d::Extent3 kAsKernel{0, 0, 0};

/// "2,1,1,1", as options of the command line take it.
template <std::size_t kSize>
std::string list_text(const std::array<std::int64_t, kSize>& values) {
  std::string text;
  for (const std::int64_t value : values) {
    text.append(text.empty() ? "" : ",").append(std::to_string(value));
  }
  return text;
}

/// What makes a network, under the names that configurations have for it.
pipeline::TensorFileMetadata metadata_of(const model3d::ModelOptions& options, bool merged) {
  const model3d::Form& form = model3d::find_form(options.form);
  pipeline::TensorFileMetadata metadata{
      {"format", "pt"},  // what tools of the format call rows-first float tensors
      {"form", options.form},
      {"variant", options.variant},
      {"classes", std::to_string(options.classes)},
      {"kernel", model3d::to_text(options.kernel.value_or(form.kernel))},
      {"stem_stride", std::to_string(options.stem_stride.value_or(form.stem_stride))},
      {"spatial_taps", list_text(options.spatial_taps.value_or(kAsKernel))},
      {"merged", merged ? "true" : "false"}};
  if (form.temporal_strides) {
    const bool repeats = options.time_padding == model3d::TimePadding::kReplicate;
    const auto strides = options.temporal_strides.value_or(*form.temporal_strides);
    metadata["temporal_strides"] = list_text(strides);
    metadata["temporal_taps"] = list_text(options.temporal_taps.value_or(kAsKernel));
    metadata["separable_time"] = options.separable_time ? "true" : "false";
    metadata["time_padding"] = repeats ? "replicate" : "zeros";
  }
  if (form.extractor != model3d::ExtractorKind::kMap)
    metadata["view_pooling"] = options.view_pooling;
  if (form.extractor == model3d::ExtractorKind::kJoint) {
    const auto own = model3d::find_form("views").stem_stride;
    metadata["view_stem_stride"] = std::to_string(options.view_stem_stride.value_or(own));
    metadata["view_taps"] = std::to_string(options.view_taps);
  }
  if (form.extractor == model3d::ExtractorKind::kPoints) {
    metadata["drawing_size"] = std::to_string(options.drawing_size);
  }
  return metadata;
}

pipeline::TensorFileMetadata metadata_of(const model3d::Network& network) {
  return metadata_of(network.options(), network.is_merged());
}

/// A network's entries, as a file written of it would have them.
class NetworkTensors final : public pipeline::TensorFile {
 public:
  NetworkTensors(std::string origin, const model3d::Network& network)
      : origin_(std::move(origin)), metadata_(metadata_of(network)) {
    for (const model3d::NamedTensor& entry : model3d::published_state_dict(network)) {
      entries_.emplace(entry.name, entry.tensor);
    }
  }

  std::string origin() const override { return origin_; }
  pipeline::TensorFileMetadata metadata() const override { return metadata_; }
  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& [name, tensor] : entries_) names.push_back(name);
    return names;
  }
  std::vector<std::int64_t> shape(const std::string& name) const override {
    return find(name).sizes().vec();
  }
  at::Tensor tensor(const std::string& name) const override {
    return find(name).clone(at::MemoryFormat::Contiguous);
  }

 private:
  const at::Tensor& find(const std::string& name) const {
    const auto entry = entries_.find(name);
    require(entry != entries_.end(), Errc::kCorruptData, origin_, " has no ", name);
    return entry->second;
  }

  std::string origin_;
  pipeline::TensorFileMetadata metadata_;
  std::map<std::string, at::Tensor> entries_;
};

/// Says where the file's network was made by another rule that changes no shape: its weights may
/// still be worth starting from.
void warn_of_other_rules(const model3d::Network& network,
                         const pipeline::TensorFile& file,
                         const std::string& half) {
  model3d::ModelOptions options = network.options();
  if (!half.empty())
    options = model3d::side_of(options, half == model3d::kVoxelHalf ? "voxel" : "views");
  const auto own = metadata_of(options, network.is_merged());
  const auto told = file.metadata();
  for (const char* key : {"stem_stride",
                          "temporal_strides",
                          "time_padding",
                          "view_pooling",
                          "view_stem_stride",
                          "drawing_size"}) {
    const auto theirs = told.find(key);
    const auto ours = own.find(key);
    if (theirs == told.end() || ours == own.end() || theirs->second == ours->second) continue;
    pipeline::log_warn(text_of(file.origin(),
                               " was trained with ",
                               key,
                               " ",
                               theirs->second,
                               ", ",
                               half.empty() ? "the network" : half + "*",
                               " has ",
                               ours->second));
  }
}

void say_new_head(const model3d::Network& network,
                  const pipeline::TensorFile& file,
                  const model3d::LoadedWeights& loaded,
                  model3d::HeadRule rule) {
  std::string reason;
  if (rule == model3d::HeadRule::kFit) {
    reason = loaded.classes == 0 ? ": there is none in it"
                                 : text_of(": its own tells ", loaded.classes, " apart");
  }
  pipeline::log_info(text_of("weights of ",
                             file.origin(),
                             ", but a new head for ",
                             network.options().classes,
                             " classes",
                             reason));
}

}  // namespace

std::unique_ptr<pipeline::TensorFile> open_weights(const fs::path& path) {
  std::error_code error;
  require(fs::exists(path, error), Errc::kNotFound, path.string(), ": no such file or folder");
  if (fs::is_directory(path, error)) {
    return std::make_unique<NetworkTensors>(path.string(), *network_of(path));
  }
  const std::string suffix = path.extension().string();
  if (suffix == ".pth" || suffix == ".pt") return std::make_unique<model3d::PthFile>(path);
  require(suffix == ".safetensors",
          Errc::kUnsupported,
          path.string(),
          ": weights are read from .safetensors, .pth and .pt files, not from '",
          suffix,
          "'");
  return std::make_unique<pipeline::SafetensorsReader>(path);
}

std::string fill_from_weights(model3d::Network& network,
                              const pipeline::TensorFile& file,
                              model3d::HeadRule head) {
  const auto loaded = model3d::load_weights(network, file, head);
  model3d::require_whole(loaded, file.origin());
  if (!loaded.unexpected.empty()) {
    pipeline::log_warn(text_of(file.origin(),
                               ": the network has no place for ",
                               loaded.unexpected.size(),
                               " entries: ",
                               model3d::some_of(loaded.unexpected)));
  }
  if (!loaded.half.empty()) {
    pipeline::log_info(text_of(file.origin(),
                               " fills ",
                               loaded.half,
                               "* of the joint network; its norm and head begin anew"));
  }
  if (!loaded.initialized.empty()) {
    pipeline::log_info(text_of(file.origin(),
                               " knows nothing of ",
                               loaded.initialized.size(),
                               " entries: they begin afresh (",
                               model3d::some_of(loaded.initialized),
                               "); tune before use"));
  }
  if (loaded.inflated > 0) {
    pipeline::log_info(text_of(file.origin(),
                               " is a model of pictures: ",
                               loaded.inflated,
                               network.options().inflation == model3d::Inflation::kMean
                                   ? " kernels begin spread evenly over their taps in time"
                                   : " kernels begin as the middle tap in time"));
  }
  if (loaded.zero_initialized > 0) {
    pipeline::log_info(text_of(file.origin(),
                               " knows no kernels for time alone: ",
                               loaded.zero_initialized,
                               " begin without effect"));
  }
  if (loaded.new_head && loaded.half.empty()) say_new_head(network, file, loaded, head);
  warn_of_other_rules(network, file, loaded.half);
  return loaded.half;
}

void check_metadata(const model3d::Network& network, const pipeline::TensorFile& file) {
  const auto told = file.metadata();
  const auto own = metadata_of(network);
  const auto form = told.find("form");
  if (form == told.end() || form->second != own.at("form")) return;
  for (const auto& [key, value] : own) {
    const auto note = told.find(key);
    if (note == told.end() || key == "merged" || key == "format") continue;
    std::string option = "--" + key;
    std::ranges::replace(option, '_', '-');
    require(note->second == value,
            Errc::kInvalidArgument,
            file.origin(),
            " was written of a network with ",
            key,
            " ",
            note->second,
            ", this one has ",
            value,
            ": set ",
            option);
  }
}

void write_weights(const model3d::Network& network, const fs::path& path) {
  write_tensors(model3d::published_state_dict(network), metadata_of(network), path);
}

void write_tensors(const std::vector<model3d::NamedTensor>& entries,
                   const pipeline::TensorFileMetadata& metadata,
                   const fs::path& path) {
  std::vector<at::Tensor> values;  // outlive the writing
  std::vector<pipeline::TensorToWrite> tensors;
  for (const model3d::NamedTensor& entry : entries) {
    values.push_back(entry.tensor.contiguous());
    tensors.push_back({entry.name,
                       values.back().numel(),
                       values.back().const_data_ptr<float>(),
                       entry.tensor.sizes().vec()});
  }
  const fs::path aside = path.string() + ".partial";
  std::error_code error;
  fs::remove(aside, error);
  pipeline::write_safetensors(aside, tensors, metadata);
  fs::rename(aside, path, error);
  require(!error, Errc::kIo, path.string(), ": ", error.message());
  pipeline::sync_folder(path.has_parent_path() ? path.parent_path() : fs::path("."));
}

std::uint32_t weights_crc(const model3d::Network& network) {
  std::uint32_t crc = 0;
  for (const model3d::NamedTensor& entry : network.entries()) {
    const at::Tensor values = entry.tensor.detach().cpu().contiguous();
    crc = pipeline::crc32c(values.const_data_ptr(), static_cast<std::size_t>(values.nbytes()), crc);
  }
  return crc;
}

}  // namespace larkspur::launch
