// SPDX-License-Identifier: Apache-2.0
#include "launch/supervise/metrics_tail.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <system_error>
#include <type_traits>

#include <nlohmann/json.hpp>

namespace larkspur::launch {
namespace {

using nlohmann::json;

constexpr std::uintmax_t kPiece = 256 * 1024;

std::uintmax_t size_of(const std::filesystem::path& file) {
  std::error_code absent;
  const std::uintmax_t size = std::filesystem::file_size(file, absent);
  return absent ? 0 : size;
}

template <typename T>
void take(const json& line, const char* key, T& value) {
  const auto found = line.find(key);
  if (found == line.end()) return;
  const bool fits = std::is_same_v<T, bool> ? found->is_boolean() : found->is_number();
  if (fits) value = found->get<T>();
  if (found->is_null()) value = std::numeric_limits<T>::quiet_NaN();  // 0 where T is whole
}

}  // namespace

std::vector<MetricsLine> parse_metrics_line(const std::string& line) {
  const json parsed = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return {};
  if (parsed.contains("schema")) {
    RunStart start;
    take(parsed, "first_step", start.first_step);
    take(parsed, "total_steps", start.total_steps);
    return {start};
  }
  if (const auto found = parsed.find("evaluation"); found != parsed.end()) {
    if (!found->is_object() || !found->contains("step")) return {};
    pipeline::EvaluationMetrics evaluation;
    pipeline::visit_evaluation(evaluation,
                               [&](const char* name, auto& value) { take(*found, name, value); });
    return {evaluation};
  }
  if (!parsed.contains("step")) return {};
  pipeline::StepMetrics step;
  pipeline::visit_fields(step, [&](const char* name, auto& value) { take(parsed, name, value); });
  return {step};
}

MetricsTail::MetricsTail(std::filesystem::path file)
    : file_(std::move(file)), offset_(size_of(file_)) {}

std::vector<MetricsLine> MetricsTail::poll() {
  const std::uintmax_t size = size_of(file_);
  if (size < offset_) offset_ = 0;
  if (size == offset_) return {};
  std::string piece(std::min(size - offset_, kPiece), '\0');
  std::ifstream stream(file_, std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(offset_));
  stream.read(piece.data(), static_cast<std::streamsize>(piece.size()));
  piece.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, stream.gcount())));
  std::vector<MetricsLine> lines;
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = piece.find('\n', begin)) != std::string::npos; begin = end + 1) {
    for (MetricsLine& line : parse_metrics_line(piece.substr(begin, end - begin))) {
      lines.push_back(std::move(line));
    }
  }
  // A line longer than a piece is none of ours.
  offset_ += begin == 0 && piece.size() == kPiece ? piece.size() : begin;
  return lines;
}

}  // namespace larkspur::launch
