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

std::vector<std::size_t> worst_first(const pipeline::Scores& scores) {
  std::vector<std::size_t> order(scores.per_class.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return scores.per_class[a].accuracy() < scores.per_class[b].accuracy();
  });
  return order;
}

}  // namespace

std::string report_json(const Evaluation& evaluation, const EvalContext& context) {
  const pipeline::Scores& scores = evaluation.scores;
  ordered_json per_class = ordered_json::array();
  for (std::size_t label = 0; label < scores.per_class.size(); ++label) {
    const pipeline::ClassScore& one = scores.per_class[label];
    per_class.push_back({{"class", context.classes[label]},
                         {"samples", one.samples},
                         {"correct", one.correct},
                         {"accuracy", one.accuracy()}});
  }
  ordered_json trained_samples;  // null: not known
  if (context.trained_samples) trained_samples = *context.trained_samples;
  const ordered_json report = {{"top1", scores.top1},
                               {"top5", scores.top5},
                               {"mean_class_accuracy", scores.mean_class_accuracy},
                               {"samples", scores.samples},
                               {"unreadable", evaluation.bad.size()},
                               {"views", context.views},
                               {"protocol", context.protocol},
                               {"trained_samples", trained_samples},
                               {"checkpoint", context.checkpoint},
                               {"step", context.step},
                               {"list_crc32c", context.list_crc},
                               {"per_class", std::move(per_class)},
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
        << quoted(context.classes[static_cast<std::size_t>(row.label)]);
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
  const pipeline::Scores& scores = evaluation.scores;
  std::ostringstream html;
  html.precision(4);
  html << "<!doctype html><meta charset=\"utf-8\"><title>Evaluation</title>"
          "<style>body{font:15px sans-serif;margin:2em;max-width:60em}td,th{padding:.2em .8em;"
          "text-align:left}tr:nth-child(even){background:#f2f2f2}</style>\n"
       << "<h1>" << scores.top1 << " % top-1</h1>\n<p>top-5 " << scores.top5 << " %, class mean "
       << scores.mean_class_accuracy << " %, " << scores.samples << " samples, "
       << evaluation.bad.size() << " unreadable, protocol " << escaped(context.protocol) << " ("
       << context.views << (context.views == 1 ? " view" : " views") << "), step " << context.step
       << " of " << escaped(context.checkpoint)
       << "</p>\n<table><tr><th>class<th>samples<th>correct"
       << "<th>accuracy, %<th>most often taken for\n";
  for (const std::size_t label : worst_first(scores)) {
    const pipeline::ClassScore& one = scores.per_class[label];
    html << "<tr><td>" << escaped(context.classes[label]) << "<td>" << one.samples << "<td>"
         << one.correct << "<td>" << one.accuracy() << "<td>"
         << escaped(main_confusion(evaluation, context, label)) << "\n";
  }
  html << "</table>\n";
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
