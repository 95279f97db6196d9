// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <filesystem>
#include <iomanip>
#include <ostream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "launch/config/config_file.h"
#include "launch/run/dataset.h"
#include "launch/run/saved_config.h"
#include "launch/verbs/command_line.h"
#include "launch/verbs/commands.h"
#include "launch/verbs/model_request.h"
#include "launch/verbs/model_subject.h"
#include "pipeline/checkpoint/checkpoint.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using pipeline::Errc;
using pipeline::require;

constexpr std::int64_t kDefaultClasses = 1000;

/// What the command line asks for.
struct InspectRequest {
  std::string from;  ///< configuration or checkpoint; or the model by hand
  std::vector<std::string> overrides;
  ModelRequest model;
  std::string input;
  std::string second_input;
  bool json = false;
};

/// Sizes of a sample where none are told: those of papers, and the defaults of configurations.
ModelSubject usual_subject(const model3d::ModelOptions& options) {
  const DataConfig data;
  const std::vector<std::int64_t> views{data.views.count, data.views.size, data.views.size};
  if (options.form == "joint") return {options, {32, 32, 32}, views};
  if (options.form == "views") return {options, views};
  if (options.form == "points") return {options, {data.points}};
  if (options.form == "voxel") return {options, {32, 32, 32}};
  if (options.form == "image") return {options, {224, 224}};
  return {options, {16, 224, 224}};
}

/// How many classes the training list has, where the configuration leaves that to it.
std::int64_t classes_of_list(const RunConfig& config) {
  try {
    return static_cast<std::int64_t>(make_training_data(config).classes.size());
  } catch (const pipeline::Error& error) {
    throw error.within("model.classes is not set, and data.train does not have it");
  }
}

ModelSubject subject_of(Invocation& call, const InspectRequest& request) {
  require(request.from.empty() != request.model.model.empty(),
          Errc::kInvalidArgument,
          "either a configuration or checkpoint, or --model FORM/VARIANT, says what to inspect");
  if (request.from.empty()) {
    return usual_subject(request.model.options());
  }
  require(!request.model.tells_shapes(),
          Errc::kInvalidArgument,
          request.from,
          " has kernel and strides of its own: use model.kernel=... and the like");
  if (!fs::is_directory(request.from)) {
    RunConfig config = load_config(request.from, request.overrides).config;
    if (config.model.classes == 0) config.model.classes = classes_of_list(config);
    return subject_of(config);
  }
  require(request.overrides.empty(),
          Errc::kInvalidArgument,
          request.from,
          " is a checkpoint: its model is what it is");
  call.phase = Phase::kCheckpoint;
  const ModelSubject subject = subject_of(config_of(pipeline::find_checkpoint(request.from)));
  call.phase = Phase::kStart;
  return subject;
}

std::string field_text(const model3d::LayerSummary& row) {
  return row.receptive_field ? model3d::to_text(*row.receptive_field) : "all";
}

/// Thousands apart, for people: 1 234 567.
std::string spaced(std::int64_t number) {
  std::string text = std::to_string(number);
  for (auto at = static_cast<std::int64_t>(text.size()) - 3; at > 0; at -= 3) {
    text.insert(static_cast<std::size_t>(at), " ");
  }
  return text;
}

using Cells = std::array<std::string, 9>;

Cells cells_of(const model3d::LayerSummary& row) {
  return {row.name,
          row.kind,
          pipeline::text_of(row.channels, " x ", model3d::to_text(row.size)),
          spaced(row.trained.parameters),
          spaced(row.merged.parameters),
          spaced(row.trained.multiply_adds),
          spaced(row.merged.multiply_adds),
          spaced(row.kept_bytes),
          field_text(row)};
}

void print_table(std::ostream& out, const model3d::NetworkSummary& summary) {
  std::vector<Cells> rows{{"layer",
                           "kind",
                           "output",
                           "parameters",
                           "merged",
                           "multiply-adds",
                           "merged",
                           "kept bytes",
                           "receptive field"}};
  for (const auto& row : summary.layers) rows.push_back(cells_of(row));
  rows.push_back({"total",
                  "",
                  "",
                  spaced(summary.trained().parameters),
                  spaced(summary.merged().parameters),
                  spaced(summary.trained().multiply_adds),
                  spaced(summary.merged().multiply_adds),
                  spaced(summary.kept_bytes()),
                  ""});
  std::array<std::size_t, std::tuple_size_v<Cells>> widths{};
  for (const Cells& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const Cells& row : rows) {
    std::ostringstream line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line << (i > 0 ? "  " : "") << (i < 3 ? std::left : std::right)
           << std::setw(static_cast<int>(widths[i])) << row[i];
    }
    std::string text = line.str();
    text.erase(text.find_last_not_of(' ') + 1);
    out << text << "\n";
  }
}

ordered_json json_of(const model3d::LayerCost& cost) {
  return {{"parameters", cost.parameters}, {"multiply_adds", cost.multiply_adds}};
}

ordered_json json_of(const ModelSubject& subject, const model3d::NetworkSummary& summary) {
  ordered_json layers = ordered_json::array();
  for (const auto& row : summary.layers) {
    layers.push_back({{"name", row.name},
                      {"kind", row.kind},
                      {"channels", row.channels},
                      {"size", row.size},
                      {"trained", json_of(row.trained)},
                      {"merged", json_of(row.merged)},
                      {"kept_bytes", row.kept_bytes},
                      {"receptive_field", nullptr},
                      {"stride", row.stride}});
    if (row.receptive_field) layers.back()["receptive_field"] = *row.receptive_field;
  }
  return {{"form", subject.options.form},
          {"variant", subject.options.variant},
          {"classes", subject.options.classes},
          {"input", subject.sizes},
          {"second_input", subject.second},
          {"trained", json_of(summary.trained())},
          {"merged", json_of(summary.merged())},
          {"kept_bytes", summary.kept_bytes()},
          {"layers", layers}};
}

}  // namespace

void run_inspect_model(Invocation& call) {
  InspectRequest request;
  request.model.classes = kDefaultClasses;
  CommandLine line(call,
                   "What a network is made of and what one sample costs, layer by layer.",
                   "--model image/a --input 224x224");
  line.optional_argument("FROM",
                         "YAML file; or a run folder, its checkpoints folder, or one checkpoint",
                         request.from);
  line.rest("OVERRIDES", "key=value, as in model.variant=t", request.overrides);
  line.option("--model", "FORM/VARIANT, as in clip/a, instead of FROM", request.model.model);
  line.option("--classes", "with --model: of the head", request.model.classes);
  line.option("--input",
              "sizes of a sample: 224x224, 16x224x224, views 6x128x128, points 1024; default: as "
              "FROM or papers have it",
              request.input);
  line.option("--second-input", "form joint: of its views, 6x128x128", request.second_input);
  line.flag("--json", "for programs", request.json);
  request.model.declare_shapes(line);
  if (!line.parse()) return;
  ModelSubject subject = subject_of(call, request);
  if (!request.input.empty()) subject.sizes = checked_sizes("--input", request.input);
  if (!request.second_input.empty()) {
    subject.second = checked_sizes("--second-input", request.second_input);
  }
  const auto summary = model3d::summarise(subject.options, sizes_of(subject));
  if (request.json) {
    call.out << json_of(subject, summary).dump(2) << "\n";
  } else {
    print_table(call.out, summary);
  }
}

}  // namespace larkspur::launch
