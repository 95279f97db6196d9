// SPDX-License-Identifier: Apache-2.0
#include "launch/run/weights_file.h"

#include <algorithm>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "launch/config/config_file.h"
#include "launch/config/config_schema.h"
#include "launch/config/model_options.h"
#include "launch/run/assemble.h"
#include "model3d/weights/plain_names.h"
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

constexpr const char* kClassNames = "class_names";  // a list in JSON

/// A key's value in a file's metadata: kernels as 5x13x13, other lists as 2,1,1,1.
std::string metadata_text(const ConfigKey& key, const RunConfig& config) {
  std::string text = text_of_value(key.get(config));
  if (!text.starts_with("[")) return text;
  std::erase_if(text, [](char c) { return c == '[' || c == ']' || c == ' '; });
  if (key.name() == "kernel") std::ranges::replace(text, ',', 'x');
  return text;
}

/// Keys of the architecture that the form takes.
std::vector<const ConfigKey*> architecture_keys(ModelForm form) {
  std::vector<const ConfigKey*> keys;
  for (const ConfigKey& key : config_keys()) {
    if (key.is_architecture() && key.is_taken_by(form)) keys.push_back(&key);
  }
  return keys;
}

/// What makes a network, under the names that configurations have for it, and the class names.
pipeline::TensorFileMetadata metadata_of(const model3d::Network& network,
                                         const std::vector<std::string>& classes) {
  const RunConfig config = config_of_network(network.options());
  pipeline::TensorFileMetadata metadata{
      {"format", "pt"},  // what tools of the format call rows-first float tensors
      {"merged", network.is_merged() ? "true" : "false"}};
  for (const ConfigKey* key : architecture_keys(config.model.form)) {
    metadata[std::string(key->name())] = metadata_text(*key, config);
  }
  using Invalid = nlohmann::json::error_handler_t;
  metadata[kClassNames] = nlohmann::json(classes).dump(-1, ' ', false, Invalid::replace);
  return metadata;
}

/// A key that a file's metadata and a network both have.
struct ComparedKey {
  const ConfigKey* key;
  std::string theirs;
  std::string ours;
};

/// Whether a file's metadata has the key's value; text that is none, is another.
bool is_value(const std::string& text, const ConfigKey& key, const RunConfig& own) {
  LoadedConfig theirs{own, {}};
  try {
    set_key(theirs, key, text, "metadata");
  } catch (const pipeline::Error&) {
    return false;
  }
  return key.get(theirs.config) == key.get(own);
}

/// Those with two values.
std::vector<ComparedKey> other_values(const model3d::ModelOptions& options,
                                      const pipeline::TensorFile& file) {
  const RunConfig own = config_of_network(options);
  const auto metadata = file.metadata();
  std::vector<ComparedKey> others;
  for (const ConfigKey* key : architecture_keys(own.model.form)) {
    const auto entry = metadata.find(std::string(key->name()));
    if (entry == metadata.end() || is_value(entry->second, *key, own)) continue;
    others.push_back({key, entry->second, metadata_text(*key, own)});
  }
  return others;
}

/// A network's entries, as a file written of it would have them.
class NetworkTensors final : public pipeline::TensorFile {
 public:
  NetworkTensors(std::string origin,
                 const model3d::Network& network,
                 const std::vector<std::string>& classes)
      : origin_(std::move(origin)), metadata_(metadata_of(network, classes)) {
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
  for (const ComparedKey& other : other_values(options, file)) {
    if (other.key->role != KeyRole::kRule) continue;
    pipeline::log_warn(text_of(file.origin(),
                               " was trained with ",
                               other.key->name(),
                               " ",
                               other.theirs,
                               ", ",
                               half.empty() ? "the network" : half + "*",
                               " has ",
                               other.ours));
  }
}

/// Pictures and what changes between them are other inputs, though every entry may fit.
void warn_of_other_input(const model3d::Network& network, const pipeline::TensorFile& file) {
  const std::string& ours = network.options().form;
  const std::string changes(enum_name(ModelForm::kDifferences));
  const auto metadata = file.metadata();
  const auto form = metadata.find("form");
  const std::string theirs = form == metadata.end() ? "image" : form->second;
  if ((ours == changes) == (theirs == changes)) return;
  pipeline::log_warn(text_of(file.origin(),
                             " was trained as form ",
                             theirs,
                             ", the network is ",
                             ours,
                             ": one has seen pictures, the other sees what changes between them"));
}

void say_new_head(const model3d::Network& network,
                  const pipeline::TensorFile& file,
                  const model3d::LoadedWeights& loaded,
                  model3d::HeadRule rule,
                  std::string reason) {
  if (rule == model3d::HeadRule::kFit) {
    reason = loaded.classes == 0 ? ": there is none in it"
                                 : text_of(": its own has ", loaded.classes, " classes");
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
  const std::string text = path.string();
  const std::string file = file_of_weights(text);
  if (file != text) {
    return model3d::with_plain_names(
        std::make_unique<model3d::PthFile>(file, text.substr(file.size() + 1)));
  }
  require(fs::exists(path, error), Errc::kNotFound, path.string(), ": no such file or folder");
  if (fs::is_directory(path, error)) {
    const pipeline::Checkpoint found = pipeline::find_checkpoint(path);
    return std::make_unique<NetworkTensors>(
        path.string(), *network_of(found), found.manifest().run.classes);
  }
  const std::string suffix = path.extension().string();
  if (suffix == ".pth" || suffix == ".pt") {
    return model3d::with_plain_names(std::make_unique<model3d::PthFile>(path));
  }
  require(suffix == ".safetensors",
          Errc::kUnsupported,
          path.string(),
          ": weights are read from .safetensors, .pth and .pt files, not from '",
          suffix,
          "'");
  return model3d::with_plain_names(std::make_unique<pipeline::SafetensorsReader>(path));
}

std::vector<std::string> class_names_of(const pipeline::TensorFile& file) {
  const auto metadata = file.metadata();
  const auto entry = metadata.find(kClassNames);
  if (entry == metadata.end()) return {};
  const auto names = nlohmann::json::parse(entry->second, nullptr, /*allow_exceptions=*/false);
  const bool is_list = names.is_array() && std::ranges::all_of(names, [](const auto& name) {
                         return name.is_string();
                       });
  const std::int64_t rows = model3d::classes_of(file);
  require(is_list && (names.empty() || std::ssize(names) == rows),
          Errc::kCorruptData,
          file.origin(),
          ": class_names of its metadata is no list of names for a head of ",
          rows,
          " classes");
  return names.get<std::vector<std::string>>();
}

model3d::LoadedWeights fill_from_weights(model3d::Network& network,
                                         const pipeline::TensorFile& file,
                                         model3d::HeadRule head,
                                         const std::string& why_new) {
  const auto loaded = model3d::load_weights(network, file, head);
  model3d::require_whole(loaded, file.origin());
  for (const std::string& note : file.notes()) pipeline::log_info(file.origin() + ": " + note);
  if (!loaded.unexpected.empty()) {
    pipeline::log_warn(text_of(file.origin(),
                               ": the network has no place for ",
                               loaded.unexpected.size(),
                               " entries: ",
                               model3d::some_of(loaded.unexpected)));
  }
  if (!loaded.half.empty()) {
    pipeline::log_info(
        text_of(file.origin(),
                " fills ",
                loaded.half,
                "* of the joint network; its norm and head keep their initial values"));
  }
  if (!loaded.initialized.empty()) {
    pipeline::log_info(text_of(loaded.initialized.size(),
                               " parameters are not in ",
                               file.origin(),
                               " and keep their initial values (",
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
  if (loaded.enlarged > 0) {
    pipeline::log_info(text_of(file.origin(),
                               " has smaller kernels: ",
                               loaded.enlarged,
                               " were enlarged, ",
                               loaded.silent_branches,
                               " branches that it lacks begin without effect"));
  }
  if (loaded.zero_initialized > 0) {
    pipeline::log_info(text_of(file.origin(),
                               " knows no kernels for time alone: ",
                               loaded.zero_initialized,
                               " begin without effect"));
  }
  if (loaded.new_head && loaded.half.empty()) say_new_head(network, file, loaded, head, why_new);
  warn_of_other_rules(network, file, loaded.half);
  warn_of_other_input(network, file);
  return loaded;
}

void check_metadata(const model3d::Network& network, const pipeline::TensorFile& file) {
  const auto metadata = file.metadata();
  const auto form = metadata.find("form");
  if (form == metadata.end() || form->second != network.options().form) return;
  auto others = other_values(network.options(), file);
  // Where kernels may be enlarged, loading looks at shapes.
  if (network.options().enlarge != model3d::Enlargement::kNone) {
    std::erase_if(others, [](const ComparedKey& it) { return it.key->role == KeyRole::kShape; });
  }
  if (others.empty()) return;
  const ComparedKey& first = others.front();
  require(false,
          Errc::kInvalidArgument,
          file.origin(),
          " was written of a network with ",
          first.key->name(),
          " ",
          first.theirs,
          ", this one has ",
          first.ours,
          ": ",
          first.ours == "true" ? "leave out " : "set ",
          first.key->option());
}

void write_weights(const model3d::Network& network,
                   const std::vector<std::string>& classes,
                   const fs::path& path) {
  write_tensors(model3d::published_state_dict(network), metadata_of(network, classes), path);
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
  pipeline::write_and_rename(
      path, [&](const fs::path& aside) { pipeline::write_safetensors(aside, tensors, metadata); });
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
