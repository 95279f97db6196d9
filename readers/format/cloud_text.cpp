// SPDX-License-Identifier: Apache-2.0
#include "readers/format/cloud_text.h"

#include <algorithm>
#include <cctype>
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

constexpr std::size_t kNoColumn = std::numeric_limits<std::size_t>::max();
constexpr double kLargest = std::numeric_limits<float>::max();

// To the next point. CloudCompare starts its header line with two slashes.
void skip_to_point(TextScanner& scan) {
  for (scan.skip_to_content(); scan.skip_word("//"); scan.skip_to_content()) scan.skip_line();
}

// Where x, y and z stand where a comment in front of the points names the columns, as `//X Y Z R`
// or `# z y x` do. Empty: in front.
std::vector<std::size_t> named_axes(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, std::min(text.find_first_of("\r\n"), text.size()));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t start = line.find_first_not_of(" \t");
    if (start == std::string_view::npos) continue;
    if (line[start] != '#' && !line.substr(start).starts_with("//")) return {};
    std::vector<std::size_t> axes(3, kNoColumn);
    std::size_t column = 0;
    const std::string_view blanks = " \t,;#/";
    for (std::size_t at = line.find_first_not_of(blanks); at != std::string_view::npos; ++column) {
      const std::size_t end = std::min(line.find_first_of(blanks, at), line.size());
      const char axis = static_cast<char>(std::tolower(static_cast<unsigned char>(line[at])));
      if (end == at + 1 && axis >= 'x' && axis <= 'z') axes[axis - 'x'] = column;
      at = line.find_first_not_of(blanks, end);
    }
    const bool is_usual = axes[0] == 0 && axes[1] == 1 && axes[2] == 2;
    const bool is_named = std::count(axes.begin(), axes.end(), kNoColumn) == 0;
    if (is_named) return is_usual ? std::vector<std::size_t>() : axes;
  }
  return {};
}

// One line after the other, all of one width.
class CloudTextParser {
 public:
  CloudTextParser(std::string_view text, std::string_view name) : scan_(text), name_(name) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    axes_ = named_axes(text);
  }

  at::Tensor parse() {
    for (skip_to_point(scan_); !scan_.at_end(); skip_to_point(scan_)) {
      const std::size_t before = values_.size();
      read_line();
      const std::size_t here = values_.size() - before;
      if (width_ == 0) width_ = here;
      if (here < 3) fail("x, y and z");
      if (here != width_) {
        fail(text_of(width_, " numbers as on the first line, not ", here));
      }
      put_axes_first(values_.data() + before);
    }
    if (width_ == 0) fail("a point");
    return local_points(values_, static_cast<std::int64_t>(width_));
  }

 private:
  static constexpr char kNoSeparator = '\0';

  [[noreturn]] void fail(std::string_view expected) const {
    throw Error(
        Errc::kCorruptData,
        text_of(
            name_, ": line ", scan_.line(), ": expected ", expected, ", found ", scan_.found()));
  }

  void read_line() {
    separator_ = kNoSeparator;
    for (scan_.skip_blanks(); !scan_.at_line_end(); skip_separator()) {
      double value = 0.0;
      if (!scan_.number(value) || std::abs(value) > kLargest) fail("a number");
      values_.push_back(value);
    }
  }

  // `0,5 0,25` may be two numbers or four: a line has blanks, commas or semicolons between numbers,
  // blanks beside the other two.
  void skip_separator() {
    scan_.skip_blanks();
    if (scan_.at_line_end()) return;
    const char mark = scan_.peek() == ',' || scan_.peek() == ';' ? scan_.peek() : ' ';
    scan_.skip_separator();
    if (scan_.at_line_end()) return;
    if (separator_ == kNoSeparator) separator_ = mark;
    if (mark != separator_) {
      fail(
          "one separator between all numbers (a decimal comma? write it as a point, and separate "
          "with blanks)");
    }
  }

  void put_axes_first(double* row) const {
    if (axes_.empty()) return;
    if (*std::max_element(axes_.begin(), axes_.end()) >= width_) {
      fail(text_of("the columns that the comment in front names, not ", width_));
    }
    std::vector<double> ordered;
    for (const std::size_t axis : axes_) ordered.push_back(row[axis]);
    for (std::size_t k = 0; k < width_; ++k) {
      if (std::count(axes_.begin(), axes_.end(), k) == 0) ordered.push_back(row[k]);
    }
    std::copy(ordered.begin(), ordered.end(), row);
  }

  TextScanner scan_;
  std::string_view name_;
  std::vector<double> values_;
  std::size_t width_ = 0;
  char separator_ = kNoSeparator;  // of the line
  std::vector<std::size_t> axes_;
};

}  // namespace

pipeline::Result<at::Tensor> parse_cloud_text(std::string_view text, std::string_view name) {
  try {
    return CloudTextParser(text, name).parse();
  } catch (const Error& error) {
    return error;
  }
}

pipeline::Result<at::Tensor> read_cloud_text(const std::filesystem::path& path) {
  const pipeline::Result<FileBytes> bytes = read_file(path);
  if (!bytes.ok()) return bytes.error();
  return parse_cloud_text(bytes.value().view(), path.string());
}

}  // namespace larkspur::readers
