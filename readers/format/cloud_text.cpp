// SPDX-License-Identifier: Apache-2.0
#include "readers/format/cloud_text.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "pipeline/require.h"
#include "readers/file_bytes.h"
#include "readers/format/local_origin.h"
#include "readers/text_scanner.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::Error;
using pipeline::text_of;

constexpr double kLargest = std::numeric_limits<float>::max();

Error wrong(const TextScanner& scan, std::string_view name, std::string_view expected) {
  return Error(
      Errc::kCorruptData,
      text_of(name, ": line ", scan.line(), ": expected ", expected, ", found ", scan.found()));
}

// Appends the numbers of one line; false where something else is on it.
bool read_line(TextScanner& scan, std::vector<double>& values) {
  for (scan.skip_blanks(); !scan.at_line_end(); scan.skip_separator()) {
    double value = 0.0;
    if (!scan.number(value) || std::abs(value) > kLargest) return false;
    values.push_back(value);
  }
  return true;
}

// To the next point. CloudCompare starts its header line with two slashes.
void skip_to_point(TextScanner& scan) {
  for (scan.skip_to_content(); scan.skip_word("//"); scan.skip_to_content()) scan.skip_line();
}

}  // namespace

pipeline::Result<at::Tensor> parse_cloud_text(std::string_view text, std::string_view name) {
  TextScanner scan(text);
  std::vector<double> values;
  std::size_t width = 0;
  for (skip_to_point(scan); !scan.at_end(); skip_to_point(scan)) {
    const std::size_t before = values.size();
    if (!read_line(scan, values)) return wrong(scan, name, "a number");
    const std::size_t here = values.size() - before;
    if (width == 0) width = here;
    if (here < 3) return wrong(scan, name, "x, y and z");
    if (here != width) {
      return wrong(scan, name, text_of(width, " numbers as on the first line, not ", here));
    }
  }
  if (width == 0) return wrong(scan, name, "a point");
  return local_points(values, static_cast<std::int64_t>(width));
}

pipeline::Result<at::Tensor> read_cloud_text(const std::filesystem::path& path) {
  const pipeline::Result<FileBytes> bytes = read_file(path);
  if (!bytes.ok()) return bytes.error();
  return parse_cloud_text(bytes.value().view(), path.string());
}

}  // namespace larkspur::readers
