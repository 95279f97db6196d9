// SPDX-License-Identifier: Apache-2.0
#include "pipeline/metrics.h"

#include <nlohmann/json.hpp>

#include "pipeline/require.h"

namespace larkspur::pipeline {

namespace {

/// Whether a run that was killed left a line without its end.
bool ends_torn(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return file.seekg(-1, std::ios::end) && file.get() != '\n';
}

}  // namespace

JsonLinesSink::JsonLinesSink(const std::filesystem::path& path, const std::string& header)
    : path_(path), file_(path, std::ios::app) {
  if (ends_torn(path)) file_ << '\n';
  write(header);
}

void JsonLinesSink::write(const std::string& line) {
  file_ << line << std::endl;
  require(file_.good(), Errc::kIo, "cannot write ", path_);
}

void JsonLinesSink::step(const StepMetrics& metrics) {
  nlohmann::ordered_json line;
  visit_fields(metrics, [&](const char* name, const auto& value) { line[name] = value; });
  write(line.dump());
}

void JsonLinesSink::evaluation(const EvaluationMetrics& metrics) {
  nlohmann::ordered_json fields;
  visit_evaluation(metrics, [&](const char* name, const auto& value) { fields[name] = value; });
  write(nlohmann::ordered_json{{"evaluation", std::move(fields)}}.dump());
}

}  // namespace larkspur::pipeline
