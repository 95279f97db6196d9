// SPDX-License-Identifier: Apache-2.0
#include "launch/report/eval_report.h"

#include <algorithm>
#include <numeric>
#include <sstream>

#include <nlohmann/json.hpp>

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

std::string escaped(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '<') {
      safe += "&lt;";
    } else if (c == '&') {
      safe += "&amp;";
    } else {
      safe += c;
    }
  }
  return safe;
}

/// The class a label is most often taken for instead, or none.
std::string main_confusion(const Evaluation& evaluation,
                           const EvalContext& context,
                           std::size_t label) {
  std::vector<std::int64_t> row = evaluation.scores.confusion[label];
  row[label] = 0;
  const auto most = std::max_element(row.begin(), row.end());
  if (*most == 0) return "";
  return pipeline::text_of(
      context.classes[static_cast<std::size_t>(most - row.begin())], " (", *most, ")");
}

std::vector<std::size_t> worst_first(const pipeline::Scores& scores, bool several) {
  std::vector<std::size_t> order(scores.per_class.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const pipeline::ClassScore& first = scores.per_class[a];
    const pipeline::ClassScore& second = scores.per_class[b];
    return several ? first.average_precision < second.average_precision
                   : first.accuracy() < second.accuracy();
  });
  return order;
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
  if (context.labelling == Labelling::kNone) return "";
  const auto name = [&](std::int64_t label) {
    return context.classes[static_cast<std::size_t>(label)];
  };
  if (context.labelling == Labelling::kOne) return name(row.label);
  std::string text;
  for (const std::int64_t label : context.labels[static_cast<std::size_t>(row.id)]) {
    text += (text.empty() ? "" : ";") + name(label);
  }
  return text;
}

std::string heading(const Evaluation& evaluation, const EvalContext& context) {
  const pipeline::Scores& scores = evaluation.scores;
  std::ostringstream text;
  text.precision(4);
  switch (context.labelling) {
    case Labelling::kOne:
      text << scores.top1 << " % top-1</h1>\n<p>top-5 " << scores.top5 << " %, class mean "
           << scores.mean_class_accuracy << " %, ";
      break;
    case Labelling::kSeveral:
      text << scores.mean_average_precision << " % mean average precision</h1>\n<p>";
      break;
    case Labelling::kNone:
      text << "Predictions without labels</h1>\n<p>";
  }
  return text.str();
}

void append_classes(std::ostream& html, const Evaluation& evaluation, const EvalContext& context) {
  const pipeline::Scores& scores = evaluation.scores;
  if (context.labelling == Labelling::kNone) return;
  const bool several = context.labelling == Labelling::kSeveral;
  html << "<table><tr><th>class<th>samples"
       << (several ? "<th>average precision, %"
                   : "<th>correct<th>accuracy, %<th>most often taken for")
       << "\n";
  for (const std::size_t label : worst_first(scores, several)) {
    const pipeline::ClassScore& one = scores.per_class[label];
    html << "<tr><td>" << escaped(context.classes[label]) << "<td>" << one.samples << "<td>";
    if (several) {
      html << one.average_precision << "\n";
    } else {
      html << one.correct << "<td>" << one.accuracy() << "<td>"
           << escaped(main_confusion(evaluation, context, label)) << "\n";
    }
  }
  html << "</table>\n";
}

}  // namespace

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

std::string report_json(const Evaluation& evaluation, const EvalContext& context) {
  const pipeline::Scores& scores = evaluation.scores;
  const bool one = context.labelling == Labelling::kOne;
  const bool several = context.labelling == Labelling::kSeveral;
  ordered_json trained_samples;  // null: not known
  if (context.trained_samples) trained_samples = *context.trained_samples;
  const ordered_json report = {
      {"top1", number_if(one, scores.top1)},
      {"top5", number_if(one, scores.top5)},
      {"mean_class_accuracy", number_if(one, scores.mean_class_accuracy)},
      {"mean_average_precision", number_if(several, scores.mean_average_precision)},
      {"samples", samples_of(evaluation, context)},
      {"unreadable", evaluation.bad.size()},
      {"views", context.views},
      {"protocol", context.protocol},
      {"trained_samples", trained_samples},
      {"checkpoint", context.checkpoint},
      {"step", context.step},
      {"list_crc32c", context.list_crc},
      {"per_class", per_class_json(scores, context)},
      {"unreadable_files", pipeline::to_json(evaluation.bad)}};
  return report.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
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

std::string report_html(const Evaluation& evaluation, const EvalContext& context) {
  std::ostringstream html;
  html.precision(4);
  html << "<!doctype html><meta charset=\"utf-8\"><title>Evaluation</title>"
          "<style>body{font:15px sans-serif;margin:2em;max-width:60em}td,th{padding:.2em .8em;"
          "text-align:left}tr:nth-child(even){background:#f2f2f2}</style>\n"
       << "<h1>" << heading(evaluation, context) << samples_of(evaluation, context) << " samples, "
       << evaluation.bad.size() << " unreadable, protocol " << escaped(context.protocol) << " ("
       << context.views << (context.views == 1 ? " view" : " views") << "), step " << context.step
       << " of " << escaped(context.checkpoint) << "</p>\n";
  append_classes(html, evaluation, context);
  if (context.trained_samples.value_or(0) > 0) {
    html << "<p>the checkpoint was trained on " << *context.trained_samples
         << " of these samples</p>\n";
  }
  for (const pipeline::BadSample& bad : evaluation.bad) {
    html << "<p>unreadable: " << escaped(bad.name) << ": " << escaped(bad.message) << "</p>\n";
  }
  return std::move(html).str();
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
                       const EvalContext& context) {
  pipeline::write_and_rename(folder / "predictions.csv", predictions_csv(evaluation, context));
  pipeline::write_and_rename(folder / "report.html", report_html(evaluation, context));
  pipeline::write_and_rename(folder / "report.json", report_json(evaluation, context));
}

}  // namespace larkspur::launch
