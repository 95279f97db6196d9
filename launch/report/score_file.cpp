// SPDX-License-Identifier: Apache-2.0
#include "launch/report/score_file.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <system_error>
#include <unordered_map>

#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <nlohmann/json.hpp>

#include "pipeline/bad_sample_json.h"
#include "pipeline/eval/view_scores.h"
#include "pipeline/require.h"
#include "pipeline/sample.h"
#include "pipeline/storage/safetensors.h"

namespace larkspur::launch {
namespace {

using nlohmann::json;
using pipeline::Errc;
using pipeline::Error;
using pipeline::require;

constexpr const char* kLogits = "logits";
constexpr const char* kAbout = "larkspur_scores";

json about(const pipeline::Evaluation& evaluation,
           const EvalContext& context,
           pipeline::ViewFusion fusion) {
  json trained;  // null: not known
  if (context.trained_samples) trained = *context.trained_samples;
  json ids = json::array();
  for (const pipeline::Prediction& row : evaluation.predictions) ids.push_back(row.id);
  return {{"protocol", context.protocol},
          {"views", context.views},
          {"checkpoint", context.checkpoint},
          {"step", context.step},
          {"checkpoint_digest", context.digest},
          {"list_crc32c", context.list_crc},
          {"trained_samples", std::move(trained)},
          {"labelling", static_cast<int>(context.labelling)},
          {"fusion", static_cast<int>(fusion)},
          {"classes", context.classes},
          {"names", context.names},
          {"labels", context.labels},
          {"ids", std::move(ids)},
          {"bad", pipeline::to_json(evaluation.bad)}};
}

ScoreFile described(const json& text) {
  ScoreFile file;
  EvalContext& context = file.context;
  text.at("protocol").get_to(context.protocol);
  text.at("views").get_to(context.views);
  text.at("checkpoint").get_to(context.checkpoint);
  text.at("step").get_to(context.step);
  text.at("checkpoint_digest").get_to(context.digest);
  text.at("list_crc32c").get_to(context.list_crc);
  const json& trained = text.at("trained_samples");
  if (!trained.is_null()) context.trained_samples = trained.get<std::int64_t>();
  context.labelling = static_cast<Labelling>(text.at("labelling").get<int>());
  file.fusion = static_cast<pipeline::ViewFusion>(text.at("fusion").get<int>());
  text.at("classes").get_to(context.classes);
  text.at("names").get_to(context.names);
  text.at("labels").get_to(context.labels);
  text.at("ids").get_to(file.ids);
  file.bad = pipeline::bad_samples_from_json(text.at("bad"));
  return file;
}

void check_whole(const ScoreFile& file, const std::string& path) {
  const EvalContext& context = file.context;
  const std::vector<std::int64_t> sizes{
      std::ssize(file.ids), context.views, std::ssize(context.classes)};
  const auto is_known = [&](std::int64_t id) { return id >= 0 && id < std::ssize(context.names); };
  const auto is_bad_known = [&](const pipeline::BadSample& bad) { return is_known(bad.id); };
  const auto are_labels = [&](const std::vector<std::int64_t>& labels) {
    return !labels.empty() && std::ranges::all_of(labels, [&](std::int64_t label) {
      return label >= pipeline::kNoLabel && label < std::ssize(context.classes);
    });
  };
  require(file.logits_SVK.sizes() == at::IntArrayRef(sizes) &&
              context.labels.size() == context.names.size() &&
              context.labelling <= Labelling::kNone &&
              file.fusion <= pipeline::ViewFusion::kLogits &&
              std::ranges::all_of(context.labels, are_labels) &&
              std::ranges::all_of(file.ids, is_known) &&
              std::ranges::adjacent_find(file.ids, std::greater_equal<>()) == file.ids.end() &&
              std::ranges::all_of(file.bad, is_bad_known),
          Errc::kCorruptData,
          path,
          ": its parts contradict each other");
  require(at::isfinite(file.logits_SVK).all().item<bool>(),
          Errc::kCorruptData,
          path,
          ": has scores that are not finite");
}

/// Places of a file's samples in the list of the first one.
std::vector<std::int64_t> places_in(const ScoreFile& first,
                                    const ScoreFile& other,
                                    const std::string& names) {
  std::vector<std::int64_t> places(other.context.names.size());
  require(places.size() == first.context.names.size(),
          Errc::kInvalidArgument,
          names,
          ": one list has ",
          first.context.names.size(),
          " samples, the other ",
          places.size());
  // A list may name a file more than once: places are taken in turn.
  std::unordered_map<std::string, std::deque<std::int64_t>> by_name;
  for (std::size_t i = 0; i < places.size(); ++i) {
    by_name[first.context.names[i]].push_back(static_cast<std::int64_t>(i));
  }
  const bool is_same_order = first.context.names == other.context.names;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::string& name = other.context.names[i];
    std::deque<std::int64_t>& left = by_name[name];
    require(!left.empty(), Errc::kInvalidArgument, names, ": only one has ", name, " so often");
    places[i] = is_same_order ? static_cast<std::int64_t>(i) : left.front();
    left.pop_front();
    require(first.context.labels[static_cast<std::size_t>(places[i])] == other.context.labels[i],
            Errc::kInvalidArgument,
            names,
            ": different labels of ",
            name);
  }
  return places;
}

pipeline::ViewFusion fusion_of(const ScoreFile& file, const std::string& by) {
  if (by.empty()) return file.fusion;
  return by == kLogits ? pipeline::ViewFusion::kLogits : pipeline::ViewFusion::kProbabilities;
}

/// Sums over files, by place in the list of the first.
struct FusedSample {
  at::Tensor probabilities_K;
  std::size_t files = 0;
};

}  // namespace

void write_score_file(const std::filesystem::path& path,
                      const pipeline::Evaluation& evaluation,
                      const EvalContext& context,
                      pipeline::ViewFusion fusion) {
  const std::int64_t samples = std::ssize(evaluation.predictions);
  require(samples > 0, Errc::kInvalidArgument, path.string(), ": no sample has scores to keep");
  const std::vector<std::int64_t> shape{samples, context.views, std::ssize(context.classes)};
  const at::Tensor logits_SVK = at::empty(shape, at::kFloat);
  auto* out = logits_SVK.data_ptr<float>();
  for (const pipeline::Prediction& row : evaluation.predictions) {
    out = std::copy(row.view_logits.begin(), row.view_logits.end(), out);
  }
  const std::filesystem::path part = path.string() + ".part";
  std::error_code error;
  std::filesystem::remove(part, error);
  const json text = about(evaluation, context, fusion);
  pipeline::write_safetensors(
      part,
      {{kLogits, logits_SVK.numel(), logits_SVK.const_data_ptr<float>(), shape}},
      {{kAbout, text.dump(-1, ' ', false, json::error_handler_t::replace)}});
  std::filesystem::rename(part, path, error);
  require(!error, Errc::kIo, "cannot write ", path.string(), ": ", error.message());
}

ScoreFile read_score_file(const std::filesystem::path& path) {
  const pipeline::SafetensorsReader reader(path);
  const auto metadata = reader.metadata();
  const auto text = metadata.find(kAbout);
  require(text != metadata.end() && reader.has(kLogits),
          Errc::kCorruptData,
          path.string(),
          ": no scores of an evaluation; 'eval --scores FILE' writes them");
  try {
    ScoreFile file = described(json::parse(text->second));
    file.logits_SVK = reader.tensor(kLogits);
    check_whole(file, path.string());
    return file;
  } catch (const json::exception& error) {
    throw Error(Errc::kCorruptData, path.string() + ": " + error.what());
  }
}

pipeline::Evaluation fuse_score_files(const std::vector<ScoreFile>& files,
                                      const std::vector<std::string>& paths,
                                      const FusionOptions& options) {
  const ScoreFile& first = files.front();
  const EvalContext& context = first.context;
  const bool several = context.labelling == Labelling::kSeveral;
  std::vector<FusedSample> fused(context.names.size());
  std::vector<pipeline::BadSample> reasons(context.names.size());
  double sum = 0.0;
  for (std::size_t f = 0; f < files.size(); ++f) {
    const ScoreFile& file = files[f];
    const std::string names = paths.front() + " and " + paths[f];
    require(file.context.classes == context.classes && file.context.labelling == context.labelling,
            Errc::kInvalidArgument,
            names,
            ": different classes");
    const std::vector<std::int64_t> places = places_in(first, file, names);
    const double weight = options.weights.empty() ? 1.0 : options.weights[f];
    sum += weight;
    for (std::size_t i = 0; i < file.ids.size(); ++i) {
      const auto place = places[static_cast<std::size_t>(file.ids[i])];
      FusedSample& sample = fused[static_cast<std::size_t>(place)];
      const at::Tensor own_K = pipeline::fuse_views(
          file.logits_SVK[static_cast<std::int64_t>(i)], fusion_of(file, options.by), several);
      sample.probabilities_K =
          sample.files++ == 0 ? own_K.mul(weight) : sample.probabilities_K.add(own_K, weight);
    }
    for (const pipeline::BadSample& bad : file.bad) {
      const auto place = places.at(static_cast<std::size_t>(bad.id));
      pipeline::BadSample& reason = reasons[static_cast<std::size_t>(place)];
      if (reason.name.empty()) reason = {place, place, bad.name, bad.code, bad.message};
    }
  }
  pipeline::Evaluation evaluation;
  for (std::size_t id = 0; id < fused.size(); ++id) {
    if (fused[id].files < files.size()) {
      evaluation.bad.push_back(reasons[id]);
      continue;
    }
    evaluation.predictions.push_back(
        pipeline::ranked_classes(fused[id].probabilities_K.div(sum), several));
    evaluation.predictions.back().id = static_cast<std::int64_t>(id);
    evaluation.predictions.back().label = context.labels[id].front();
  }
  evaluation.scores =
      pipeline::score_list(evaluation.predictions,
                           evaluation.bad,
                           context.labels,
                           {options.bad_samples, std::ssize(context.classes), several});
  return evaluation;
}

}  // namespace larkspur::launch
