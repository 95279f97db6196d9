// SPDX-License-Identifier: Apache-2.0
#include "launch/report/eval_page.h"

#include <filesystem>
#include <vector>

#include <nlohmann/json.hpp>

#include "launch/report/page_parts.h"
#include "launch/report/run_history.h"
#include "launch/report/worst_mistakes.h"
#include "pipeline/checkpoint/checkpoint_files.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using pipeline::text_of;

ordered_json cells_of(const pipeline::Scores& scores) {
  ordered_json cells = ordered_json::array();
  for (std::size_t label = 0; label < scores.confusion.size(); ++label) {
    const auto& row = scores.confusion[label];
    for (std::size_t predicted = 0; predicted < row.size(); ++predicted) {
      if (row[predicted] != 0) cells.push_back({label, predicted, row[predicted]});
    }
  }
  return cells;
}

/// How many samples each class is the likeliest of, by label; classes of none are left out.
ordered_json predicted_of(const pipeline::Evaluation& evaluation, const EvalContext& context) {
  std::vector<std::int64_t> counts(context.classes.size(), 0);
  for (const pipeline::Prediction& row : evaluation.predictions) {
    ++counts[static_cast<std::size_t>(row.classes.front())];
  }
  ordered_json predicted = ordered_json::array();
  for (std::size_t label = 0; label < counts.size(); ++label) {
    if (counts[label] > 0) predicted.push_back({context.classes[label], counts[label]});
  }
  return predicted;
}

/// Which weights of its run were evaluated: of its step, or averaged up to it. Beyond that
/// its place among those kept can be told.
std::string weights_of(const EvalContext& context, const fs::path& checkpoint, std::int64_t total) {
  const std::int64_t step = context.step;
  const std::string averaged = context.averaged ? "averaged over updates, " : "";
  const std::string of_total = total > 0 ? text_of(" of ", total) : "";
  for (const pipeline::CheckpointFolder& other :
       pipeline::list_checkpoints(checkpoint.parent_path())) {
    if (other.complete && other.step > step) {
      return text_of(averaged,
                     "after step ",
                     step,
                     of_total,
                     "; the run has later ones, up to step ",
                     other.step);
    }
  }
  return text_of(averaged, "the run's last, after step ", step, of_total);
}

/// What is known of the scores, wherever they come from.
ordered_json facts_of(const EvalContext& context) {
  ordered_json facts = ordered_json::array();
  facts.push_back({"checkpoint", context.checkpoint});
  if (!context.digest.empty()) facts.push_back({"digest of the checkpoint", context.digest});
  facts.push_back(
      {"scored samples",
       context.held_out ? "the part of data.train that data.holdout keeps out" : "data.eval"});
  facts.push_back({"CRC-32C of the evaluated list", crc_text(context.list_crc)});
  facts.push_back({"protocol",
                   text_of(context.protocol,
                           " (",
                           context.views,
                           context.views == 1 ? " view" : " views",
                           " of a sample)")});
  facts.push_back({"samples that the checkpoint was trained on",
                   context.trained_samples ? text_of(*context.trained_samples) : "not known"});
  return facts;
}

/// What is known of a training by what lies beside its checkpoint, as `facts` and on the page.
RunHistory add_training(ordered_json& data,
                        const EvalContext& context,
                        const pipeline::RunIdentity& training) {
  const fs::path checkpoint = whole_path(context.checkpoint);
  const fs::path run = checkpoint.parent_path().parent_path();
  RunHistory history = read_history(run / "metrics.jsonl");
  const std::string weights = weights_of(context, checkpoint, history.total_steps);
  data["title"] = text_of("Evaluation of ", run.filename().string());
  data["subtitle"] = text_of(context.checkpoint, ": ", weights);
  if (ordered_json drawn = curves(history); !drawn.is_null()) data["history"] = std::move(drawn);
  data["facts"].push_back({"weights", weights});
  data["facts"].push_back({"CRC-32C of the training list", crc_text(training.list_crc)});
  return history;
}

void add_surroundings(ordered_json& data,
                      const EvalContext& context,
                      const EvalSurroundings& around) {
  RunHistory history;
  if (around.run) {
    history = add_training(data, context, *around.run);
  } else {
    data["title"] = text_of("Evaluation of ", fs::path(context.checkpoint).filename().string());
    data["subtitle"] = text_of(context.checkpoint, ": weights from elsewhere");
  }
  if (data.contains("mistakes")) {
    add_pictures(data["mistakes"], around.source, static_cast<std::uint64_t>(around.config.seed));
  }
  ordered_json time = time_and_memory(history, around.trained);
  time["times"].push_back(
      {{"name", "evaluation"}, {"seconds", around.seconds}, {"share", nullptr}});
  data["time"] = std::move(time);
  data["configuration"] = config_rows(around.config, &around.trained);
  ordered_json& facts = data["facts"];
  add_job_facts(facts, "evaluation: ", around.job);
  if (around.run) add_job_facts(facts, "training: ", *around.run);
  for (ordered_json& fact : version_facts(around.versions)) facts.push_back(std::move(fact));
}

}  // namespace

ordered_json evaluation_page(const ordered_json& report,
                             const pipeline::Evaluation& evaluation,
                             const EvalContext& context,
                             const EvalSurroundings* around) {
  ordered_json data;
  data["title"] = "Evaluation of kept scores";
  data["subtitle"] = context.checkpoint;
  data["report"] = report;
  if (context.labelling == Labelling::kNone) {
    data["predicted"] = predicted_of(evaluation, context);
  } else {
    data["mistakes"] = worst_mistakes(evaluation, context);
  }
  if (context.labelling == Labelling::kOne) data["confusion"] = cells_of(evaluation.scores);
  data["unreadable_files"] = report["unreadable_files"];
  data["facts"] = facts_of(context);
  if (around != nullptr) add_surroundings(data, context, *around);
  return data;
}

}  // namespace larkspur::launch
