// SPDX-License-Identifier: Apache-2.0
#include "readers/list/list_file.h"

#include <algorithm>

#include "pipeline/require.h"
#include "readers/file_bytes.h"
#include "readers/file_kind.h"

namespace larkspur::readers {
namespace {

constexpr std::string_view kBlanks = " \t\r\v\f";
constexpr std::string_view kSeparators = "\t, ";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string unquoted(std::string_view field) {
  const bool is_quoted = field.size() >= 2 && field.front() == '"' && field.back() == '"';
  return std::string(is_quoted ? field.substr(1, field.size() - 2) : field);
}

// The path in front quotes, and what follows the closing one.
std::vector<LabelledPath> quoted_split(std::string_view line) {
  std::string path;
  std::size_t i = 1;
  for (; i < line.size(); ++i) {
    if (line[i] == '"' && !line.substr(i).starts_with("\"\"")) break;
    if (line[i] == '"') ++i;
    path += line[i];
  }
  if (i >= line.size()) return {};
  const std::size_t label = line.find_first_not_of(kSeparators, i + 1);
  if (label == std::string_view::npos || path.empty()) return {};
  return {{path, unquoted(line.substr(label))}};
}

}  // namespace

std::vector<ListLine> read_lines(const std::filesystem::path& path) {
  const FileBytes bytes = read_file(path).value();
  const std::string advice = advice_on({}, bytes.view());
  pipeline::require(advice.empty(),
                    pipeline::Errc::kInvalidArgument,
                    path.string(),
                    ": no list of samples or names, but ",
                    advice);
  return lines_of(bytes.view());
}

std::vector<ListLine> lines_of(std::string_view rest) {
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  const char end = rest.find('\n') == std::string_view::npos ? '\r' : '\n';  // old Macs'
  std::vector<ListLine> lines;
  for (std::int64_t number = 1; !rest.empty(); ++number) {
    const std::size_t length = std::min(rest.find(end), rest.size());
    const std::string_view text = trimmed(rest.substr(0, length));
    if (!text.empty() && text.front() != '#') lines.push_back({number, std::string(text)});
    rest.remove_prefix(std::min(length + 1, rest.size()));
  }
  return lines;
}

std::vector<LabelledPath> splits_of(std::string_view line) {
  if (line.starts_with('"')) return quoted_split(line);
  std::vector<LabelledPath> splits;
  for (const char separator : kSeparators) {
    const std::size_t at = line.rfind(separator);
    if (at == std::string_view::npos) continue;
    LabelledPath split{std::string(trimmed(line.substr(0, at))),
                       unquoted(trimmed(line.substr(at + 1)))};
    if (!split.path.empty() && !split.label.empty()) splits.push_back(std::move(split));
  }
  return splits;
}

std::vector<std::string> csv_fields(std::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"' && quoted && line.substr(i).starts_with("\"\"")) {
      fields.back() += line[i++];
    } else if (line[i] == '"') {
      quoted = !quoted;
    } else if (line[i] == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += line[i];
    }
  }
  for (std::string& field : fields) field = trimmed(field);
  return fields;
}

}  // namespace larkspur::readers
