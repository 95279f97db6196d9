// SPDX-License-Identifier: Apache-2.0
#include "launch/verbs/model_request.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>

#include "launch/config/config_file.h"
#include "launch/config/config_schema.h"
#include "launch/config/model_options.h"
#include "launch/run/assemble.h"
#include "launch/run/weights_file.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::require;

constexpr std::int64_t kLongestAxis = 16384;
constexpr std::int64_t kMostPlaces = std::int64_t{1} << 30;

/// The keys that have an option: of the architecture, and how weights of pictures are inflated and
/// those of smaller kernels enlarged.
/// Form, variant and classes are asked for in words of their own.
std::vector<const ConfigKey*> keys_with_option() {
  std::vector<const ConfigKey*> keys;
  for (const ConfigKey& key : config_keys()) {
    const bool has_own = key.option() == "--model" || key.path == "model.classes";
    const bool fills = key.path == "model.inflation" || key.path == "model.enlarge";
    if ((key.is_architecture() && !has_own) || fills) keys.push_back(&key);
  }
  return keys;
}

bool is_flag(const ConfigKey& key) { return std::holds_alternative<bool>(key.get(RunConfig{})); }

/// The value that every form which takes the key begins with, or "the form's".
std::string default_of_forms(const ConfigKey& key) {
  std::string text;
  for (const std::string_view form : enum_names(ModelForm{})) {
    const RunConfig own = config_of_form(form);
    if (!key.is_taken_by(own.model.form)) continue;
    const std::string value = text_of_value(key.get(own));
    if (!text.empty() && text != value) return "the form's";
    text = value;
  }
  return text;
}

std::unique_ptr<model3d::Network> network_of_checkpoint(const ModelRequest& request,
                                                        const std::string& weights) {
  require(!request.tells_shapes(),
          Errc::kInvalidArgument,
          weights,
          " is a checkpoint: kernel, strides and views are its own, leave them out");
  auto network = network_of(pipeline::find_checkpoint(weights));
  const model3d::ModelOptions& own = network->options();
  if (request.model.empty()) return network;
  ModelRequest asking = request;
  if (asking.classes == 0) asking.classes = own.classes;
  const model3d::ModelOptions asked = asking.options();
  require(own.form == asked.form && own.variant == asked.variant && own.classes == asked.classes,
          Errc::kInvalidArgument,
          weights,
          " holds ",
          own.form,
          "/",
          own.variant,
          " with ",
          own.classes,
          " classes, not what --model and --classes say");
  return network;
}

std::unique_ptr<model3d::Network> network_of_file(const ModelRequest& request,
                                                  const std::string& weights) {
  model3d::ModelOptions options = request.options();
  const auto file = open_weights(weights);
  options.norm_before_downsampling |= model3d::holds_norm_before_downsampling(*file);
  auto network = std::make_unique<model3d::Network>(options);
  check_metadata(*network, *file);
  if (model3d::holds_merged_weights(*file)) network->merge();
  fill_from_weights(*network, *file, model3d::HeadRule::kLoad);
  return network;
}

}  // namespace

void ModelRequest::declare_shapes(CommandLine& line) {
  for (const ConfigKey* key : keys_with_option()) {
    const std::string name(key->name());
    if (is_flag(*key)) {
      line.flag(key->option(), key->full_meaning(), flags[name]);
    } else {
      line.option(
          key->option(), key->full_meaning() + "; default: " + default_of_forms(*key), texts[name]);
    }
  }
}

bool ModelRequest::tells_shapes() const {
  return std::ranges::any_of(flags, [](const auto& flag) { return flag.second; }) ||
         std::ranges::any_of(texts, [](const auto& text) { return !text.second.empty(); });
}

model3d::ModelOptions ModelRequest::options() const {
  const auto slash = model.find('/');
  require(slash != std::string::npos,
          Errc::kInvalidArgument,
          "--model takes FORM/VARIANT, as in clip/a, not '",
          model,
          "'");
  require(classes > 0,
          Errc::kInvalidArgument,
          "--classes is ",
          classes,
          ": for a file of weights the number of classes must be given");
  const std::string place = "--model " + model;
  LoadedConfig described;
  set_key(described, *find_config_key("model.form"), model.substr(0, slash), place);
  described.config = config_of_form(model.substr(0, slash));
  set_key(described, *find_config_key("model.variant"), model.substr(slash + 1), place);
  set_key(described, *find_config_key("model.classes"), std::to_string(classes), "--classes");
  for (const ConfigKey* key : keys_with_option()) {
    const auto text = texts.find(key->name());
    const auto flag = flags.find(key->name());
    const bool given = text != texts.end() && !text->second.empty();
    if (given) set_key(described, *key, text->second, key->option());
    if (flag != flags.end() && flag->second) {
      set_key(described, *key, "true", key->option());
    }
  }
  check_described_network(described);
  return model_options(described.config);
}

std::vector<std::int64_t> numbers_of(const std::string& option, const std::string& text) {
  std::vector<std::int64_t> numbers;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto skip = [&] {
    while (at != end && std::string_view("[], x").find(*at) != std::string_view::npos) ++at;
  };
  for (skip(); at != end; skip()) {
    std::int64_t number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    require(error == std::errc(),
            Errc::kInvalidArgument,
            option,
            " takes whole numbers, as in 16x224x224, not '",
            text,
            "'");
    numbers.push_back(number);
    at = next;
  }
  require(
      !numbers.empty(), Errc::kInvalidArgument, option, " takes whole numbers, not '", text, "'");
  return numbers;
}

std::vector<std::int64_t> checked_sizes(const std::string& option, const std::string& text) {
  std::vector<std::int64_t> sizes = numbers_of(option, text);
  std::int64_t places = 1;
  for (const std::int64_t size : sizes) {
    const bool fits = size >= 1 && size <= kLongestAxis && places <= kMostPlaces / size;
    require(fits,
            Errc::kInvalidArgument,
            option,
            " ",
            text,
            " is not of axes of 1 to ",
            kLongestAxis,
            " places with ",
            kMostPlaces,
            " together at most");
    places *= size;
  }
  return sizes;
}

std::vector<std::int64_t> sample_sizes(const model3d::ModelOptions& options,
                                       const std::vector<std::int64_t>& numbers) {
  std::vector<std::int64_t> sizes = numbers;
  const std::int64_t channels = model3d::input_channels(options);
  switch (model3d::find_form(options.form).extractor) {
    case model3d::ExtractorKind::kPoints:
    case model3d::ExtractorKind::kCells:
      sizes.push_back(channels);
      break;
    case model3d::ExtractorKind::kViews:
      if (!sizes.empty()) sizes.insert(sizes.begin() + 1, channels);
      break;
    default:
      sizes.insert(sizes.begin(), channels);
  }
  return sizes;
}

void check_request(const ModelRequest& request, const std::string& weights) {
  std::error_code error;
  const std::string file = file_of_weights(weights);
  require(fs::exists(file, error), Errc::kNotFound, "--weights ", file, " is not there");
  if (fs::is_directory(weights, error)) return;
  require(!request.model.empty(),
          Errc::kInvalidArgument,
          weights,
          " is a file of weights: --model FORM/VARIANT and --classes say what it is of");
  request.options();
}

std::unique_ptr<model3d::Network> network_from(const ModelRequest& request,
                                               const std::string& weights) {
  check_request(request, weights);
  std::error_code error;
  return fs::is_directory(weights, error) ? network_of_checkpoint(request, weights)
                                          : network_of_file(request, weights);
}

}  // namespace larkspur::launch
