// SPDX-License-Identifier: Apache-2.0
#include "launch/report/eval_report.h"

#include <sstream>

#include <nlohmann/json.hpp>

#include "launch/report/eval_page.h"
#include "launch/report/page.h"
#include "pipeline/bad_sample_json.h"
#include "pipeline/require.h"
#include "pipeline/storage/durable_file.h"

namespace larkspur::launch {
namespace {

using nlohmann::ordered_json;
using pipeline::Evaluation;

constexpr std::size_t kRanked = 5;  // columns of classes in predictions.csv

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

/// Counted ones; where there is nothing to count by, all that were looked at.
std::int64_t samples_of(const Evaluation& evaluation, const EvalContext& context) {
  return context.labelling == Labelling::kNone ? std::ssize(context.names)
                                               : evaluation.scores.samples;
}

ordered_json number_if(bool known, double value) {
  return known ? ordered_json(value) : ordered_json();
}

ordered_json per_class_json(const pipeline::Scores& scores, const EvalContext& context) {
  ordered_json all = ordered_json::array();
  if (context.labelling == Labelling::kNone) return all;
  for (std::size_t label = 0; label < scores.per_class.size(); ++label) {
    const pipeline::ClassScore& one = scores.per_class[label];
    ordered_json row = {{"class", context.classes[label]}, {"samples", one.samples}};
    if (context.labelling == Labelling::kSeveral) {
      row["average_precision"] = number_if(one.samples > 0, one.average_precision);
    } else {
      row["correct"] = one.correct;
      row["accuracy"] = one.accuracy();
    }
    all.push_back(std::move(row));
  }
  return all;
}

/// The names of a sample's labels.
std::string labels_text(const pipeline::Prediction& row, const EvalContext& context) {
  std::string text;
  for (const std::int64_t label : labels_of(row, context)) {
    text += (text.empty() ? "" : ";") + context.classes[static_cast<std::size_t>(label)];
  }
  return text;
}

const char* name_of(Labelling labelling) {
  switch (labelling) {
    case Labelling::kOne:
      return "one";
    case Labelling::kSeveral:
      return "several";
    case Labelling::kNone:
      break;
  }
  return "none";
}

}  // namespace

std::vector<std::int64_t> labels_of(const pipeline::Prediction& row, const EvalContext& context) {
  switch (context.labelling) {
    case Labelling::kOne:
      return {row.label};
    case Labelling::kSeveral:
      return context.labels[static_cast<std::size_t>(row.id)];
    case Labelling::kNone:
      break;
  }
  return {};
}

std::string scores_line(const Evaluation& evaluation, const EvalContext& context) {
  const pipeline::Scores& scores = evaluation.scores;
  const std::string samples = pipeline::text_of(
      "samples ", samples_of(evaluation, context), "  unreadable ", evaluation.bad.size());
  switch (context.labelling) {
    case Labelling::kSeveral:
      return pipeline::text_of(
          "mean average precision ", scores.mean_average_precision, " %  ", samples);
    case Labelling::kNone:
      return "no labels, predictions only  " + samples;
    case Labelling::kOne:
      break;
  }
  return pipeline::text_of("top1 ",
                           scores.top1,
                           " %  top5 ",
                           scores.top5,
                           " %  class mean ",
                           scores.mean_class_accuracy,
                           " %  ",
                           samples);
}

ordered_json report_of(const Evaluation& evaluation, const EvalContext& context) {
  const pipeline::Scores& scores = evaluation.scores;
  const bool one = context.labelling == Labelling::kOne;
  const bool several = context.labelling == Labelling::kSeveral;
  ordered_json trained_samples;  // null: not known
  if (context.trained_samples) trained_samples = *context.trained_samples;
  return {
      {"top1", number_if(one, scores.top1)},
      {"top5", number_if(one, scores.top5)},
      {"mean_class_accuracy", number_if(one, scores.mean_class_accuracy)},
      {"mean_average_precision", number_if(several, scores.mean_average_precision)},
      {"labelling", name_of(context.labelling)},
      {"samples", samples_of(evaluation, context)},
      {"unreadable", evaluation.bad.size()},
      {"views", context.views},
      {"protocol", context.protocol},
      {"trained_samples", trained_samples},
      {"checkpoint", context.checkpoint},
      {"step", context.step},
      {"averaged", context.averaged},
      {"on", context.held_out ? "holdout" : "eval"},
      {"checkpoint_digest", context.digest.empty() ? ordered_json() : ordered_json(context.digest)},
      {"list_crc32c", context.list_crc},
      {"per_class", per_class_json(scores, context)},
      {"unreadable_files", pipeline::to_json(evaluation.bad)}};
}

std::string report_json(const Evaluation& evaluation, const EvalContext& context) {
  return report_of(evaluation, context)
             .dump(2, ' ', false, ordered_json::error_handler_t::replace) +
         "\n";
}

std::string predictions_csv(const Evaluation& evaluation, const EvalContext& context) {
  std::ostringstream csv;
  csv << "id,file,label";
  for (std::size_t k = 1; k <= kRanked; ++k) csv << ",class" << k << ",probability" << k;
  csv << '\n';
  csv.precision(9);
  for (const pipeline::Prediction& row : evaluation.predictions) {
    csv << row.id << ',' << quoted(context.names[static_cast<std::size_t>(row.id)]) << ','
        << quoted(labels_text(row, context));
    for (std::size_t k = 0; k < row.classes.size(); ++k) {
      csv << ',' << quoted(context.classes[static_cast<std::size_t>(row.classes[k])]) << ','
          << row.probabilities[k];
    }
    for (std::size_t k = row.classes.size(); k < kRanked; ++k) csv << ",,";
    csv << '\n';
  }
  return std::move(csv).str();
}

void prepare_report_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  pipeline::require(
      !error, pipeline::Errc::kIo, "cannot make ", folder.string(), ": ", error.message());
  const std::filesystem::path trial = folder / ".trial";
  pipeline::write_and_rename(trial, "");
  std::filesystem::remove(trial, error);
}

void write_eval_report(const std::filesystem::path& folder,
                       const Evaluation& evaluation,
                       const EvalContext& context,
                       const EvalSurroundings* around) {
  pipeline::write_and_rename(folder / "predictions.csv", predictions_csv(evaluation, context));
  pipeline::write_and_rename(folder / "report.json", report_json(evaluation, context));
  pipeline::write_and_rename(
      folder / "report.html",
      fill_page(evaluation_page(report_of(evaluation, context), evaluation, context, around)));
}

}  // namespace larkspur::launch
