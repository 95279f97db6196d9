// SPDX-License-Identifier: Apache-2.0
#include "readers/format/pcd_header.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <charconv>
#include <cstring>
#include <optional>
#include <system_error>

#include "pipeline/require.h"
#include "readers/text_scanner.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::Error;
using pipeline::require;
using pipeline::text_of;

constexpr std::int64_t kMostBytes = std::int64_t{1} << 31;  // PCL counts them in 32 bits
constexpr std::int64_t kMostCount = 1 << 20;
constexpr std::int64_t kLzfGain = 88;        // a reference of 3 bytes stands for 264
constexpr std::size_t kCompressedSizes = 8;  // two uint32 before compressed data
constexpr std::array<std::string_view, 6> kKept{"x", "y", "z", "normal_x", "normal_y", "normal_z"};

std::vector<std::string_view> words_of(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r";
  std::vector<std::string_view> words;
  for (std::size_t at = line.find_first_not_of(kBlanks); at != std::string_view::npos;
       at = line.find_first_not_of(kBlanks, at)) {
    const std::size_t end = std::min(line.find_first_of(kBlanks, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

class PcdHeaderParser {
 public:
  PcdHeaderParser(std::string_view bytes, std::string_view name) : rest_(bytes), name_(name) {}

  PcdHeader parse() {
    const std::size_t size = rest_.size();
    while (header_.line == 0) {
      if (rest_.empty()) fail("DATA", "the end of the file");
      const std::size_t length = rest_.find('\n');
      const std::vector<std::string_view> words = words_of(rest_.substr(0, length));
      rest_.remove_prefix(length == std::string_view::npos ? rest_.size() : length + 1);
      ++line_;
      if (!words.empty() && words.front().front() != '#') read_entry(words);
    }
    header_.body = size - rest_.size();
    check();
    return header_;
  }

 private:
  [[noreturn]] void fail(std::string_view expected, std::string_view found) const {
    throw Error(Errc::kCorruptData,
                text_of(name_, ": line ", line_, ": expected ", expected, ", found '", found, "'"));
  }

  void read_entry(const std::vector<std::string_view>& words) {
    const std::string_view key = words.front();
    if (key == "VERSION" || key == "VIEWPOINT") return;
    if (key == "FIELDS" || key == "COLUMNS") return read_names(words);
    if (key == "SIZE" || key == "TYPE" || key == "COUNT") return read_column(words);
    if (words.size() != 2) fail(text_of("a value behind ", key), text_of(words.size() - 1));
    if (key == "WIDTH") {
      header_.width = number(words[1], 1, kMostBytes);
    } else if (key == "HEIGHT") {
      header_.height = number(words[1], 1, kMostBytes);
    } else if (key == "POINTS") {
      points_ = number(words[1], 1, kMostBytes);
    } else if (key == "DATA") {
      read_data(words[1]);
    } else {
      fail("an entry of a PCD header", key.substr(0, 24));
    }
  }

  void read_names(const std::vector<std::string_view>& words) {
    if (!header_.fields.empty()) fail("FIELDS once", words.front());
    for (std::size_t i = 1; i < words.size(); ++i) {
      header_.fields.push_back({std::string(words[i])});
    }
  }

  void read_column(const std::vector<std::string_view>& words) {
    if (words.size() != header_.fields.size() + 1) {
      fail(text_of(header_.fields.size(), " values as FIELDS has"), text_of(words.size() - 1));
    }
    for (std::size_t i = 1; i < words.size(); ++i) {
      PcdField& field = header_.fields[i - 1];
      if (words.front() == "TYPE") {
        if (words[i] != "F" && words[i] != "I" && words[i] != "U") fail("F, I or U", words[i]);
        field.type = words[i].front();
      } else if (words.front() == "COUNT") {
        field.count = number(words[i], 1, kMostCount);
      } else {
        field.size = number(words[i], 1, 8);
        if (!std::has_single_bit(static_cast<unsigned>(field.size))) fail("1, 2, 4 or 8", words[i]);
      }
    }
  }

  void read_data(std::string_view word) {
    if (word == "ascii") {
      header_.data = PcdData::kAscii;
    } else if (word == "binary") {
      header_.data = PcdData::kBinary;
    } else if (word == "binary_compressed") {
      header_.data = PcdData::kCompressed;
    } else {
      fail("ascii, binary or binary_compressed", word);
    }
    header_.line = line_;
  }

  std::int64_t number(std::string_view word, std::int64_t least, std::int64_t most) const {
    std::int64_t value = 0;
    const char* const end = word.data() + word.size();
    const auto [last, error] = std::from_chars(word.data(), end, value);
    if (error != std::errc() || last != end || value < least || value > most) {
      fail(text_of("a whole number in [", least, ", ", most, "]"), word);
    }
    return value;
  }

  void check() {
    for (std::size_t k = 0; k < 3; ++k) check_coordinate(kKept[k]);
    for (const PcdField& field : header_.fields) {
      if (field.type == 'F' && field.size < 4) fail("F of 4 or 8 bytes", text_of(field.size));
    }
    if (header_.width == 0 && header_.height == 0) header_.width = points_.value_or(0);
    if (header_.height == 0) header_.height = 1;
    if (header_.width == 0) fail("WIDTH or POINTS before DATA", "none");
    require(header_.width <= kMostBytes / header_.point_bytes() / header_.height,
            Errc::kUnsupported,
            name_,
            ": ",
            header_.width,
            " x ",
            header_.height,
            " points of ",
            header_.point_bytes(),
            " bytes, more than the 2^31 bytes this build reads");
    if (points_.value_or(header_.points()) != header_.points()) {
      fail(text_of("POINTS ", header_.width, " x ", header_.height), text_of(*points_));
    }
  }

  void check_coordinate(std::string_view name) const {
    const auto is_it = [&](const PcdField& field) { return field.name == name; };
    if (std::count_if(header_.fields.begin(), header_.fields.end(), is_it) != 1) {
      fail(text_of("one field ", name), text_of(header_.fields.size(), " fields"));
    }
    const PcdField& field = *std::find_if(header_.fields.begin(), header_.fields.end(), is_it);
    require(field.type == 'F' && field.count == 1,
            Errc::kUnsupported,
            name_,
            ": field ",
            name,
            " is ",
            field.type,
            " x ",
            field.count,
            ", expected one F");
  }

  std::string_view rest_;
  std::string_view name_;
  std::int64_t line_ = 0;
  std::optional<std::int64_t> points_;
  PcdHeader header_;
};

void check_binary(const PcdHeader& header, std::string_view body, std::string_view name) {
  const std::int64_t bytes = header.points() * header.point_bytes();
  require(bytes <= std::ssize(body),
          Errc::kCorruptData,
          name,
          ": promises ",
          header.points(),
          " points of ",
          header.point_bytes(),
          " bytes, found ",
          body.size(),
          " bytes");
}

void check_compressed(const PcdHeader& header, std::string_view body, std::string_view name) {
  std::array<std::uint32_t, 2> sizes{};
  require(body.size() >= kCompressedSizes,
          Errc::kCorruptData,
          name,
          ": expected the sizes of compressed data, found ",
          body.size(),
          " bytes");
  std::memcpy(sizes.data(), body.data(), kCompressedSizes);
  const auto [packed, unpacked] = sizes;
  const std::int64_t expected = header.points() * header.point_bytes();
  require(packed <= body.size() - kCompressedSizes && unpacked == expected &&
              unpacked <= kLzfGain * packed,
          Errc::kCorruptData,
          name,
          ": promises ",
          expected,
          " bytes of points in ",
          packed,
          " compressed bytes that become ",
          unpacked,
          ", found ",
          body.size() - kCompressedSizes,
          " bytes");
}

// What is not a number to us may still be one to a PCD file: nan, -nan, inf.
bool is_not_finite(std::string_view word) {
  if (word.starts_with('-') || word.starts_with('+')) word.remove_prefix(1);
  std::string lower(word.substr(0, 9));
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower == "nan" || lower == "inf" || lower == "infinity";
}

// PCL takes a word that is no number for 0 and stops at a wrong line without naming it.
void check_ascii(const PcdHeader& header, std::string_view body, std::string_view name) {
  const std::int64_t values = header.values();
  std::int64_t points = 0;
  std::int64_t number = header.line;
  while (!body.empty()) {
    const std::size_t length = std::min(body.find('\n'), body.size());
    const std::vector<std::string_view> words = words_of(body.substr(0, length));
    body.remove_prefix(std::min(length + 1, body.size()));
    ++number;
    if (words.empty()) continue;
    require(std::ssize(words) == values && points < header.points(),
            Errc::kCorruptData,
            name,
            ": line ",
            number,
            ": expected ",
            points < header.points() ? text_of(values, " numbers") : "the end of the file",
            ", found ",
            words.size(),
            " words");
    for (const std::string_view word : words) {
      double value = 0.0;
      TextScanner scan(word);
      require((scan.number(value) && scan.at_end()) || is_not_finite(word),
              Errc::kCorruptData,
              name,
              ": line ",
              number,
              ": expected a number, found '",
              word.substr(0, 24),
              "'");
    }
    ++points;
  }
  require(points == header.points(),
          Errc::kCorruptData,
          name,
          ": expected ",
          header.points(),
          " points, found ",
          points);
}

}  // namespace

std::int64_t PcdHeader::values() const {
  std::int64_t sum = 0;
  for (const PcdField& field : fields) sum += field.count;
  return sum;
}

std::int64_t PcdHeader::point_bytes() const {
  std::int64_t bytes = 0;
  for (const PcdField& field : fields) {
    if (data != PcdData::kCompressed || !field.is_padding()) bytes += field.size * field.count;
  }
  return bytes;
}

std::string PcdHeader::text() const {
  std::string names;
  std::string sizes;
  std::string types;
  std::string counts;
  for (const PcdField& field : fields) {
    if (data == PcdData::kCompressed && field.is_padding()) continue;
    const bool is_kept = std::find(kKept.begin(), kKept.end(), field.name) != kKept.end();
    names += is_kept || field.is_padding() ? " " + field.name : text_of(" other", names.size());
    sizes += text_of(" ", field.size);
    types += text_of(" ", field.type);
    counts += text_of(" ", field.count);
  }
  constexpr std::array<std::string_view, 3> kData{"ascii", "binary", "binary_compressed"};
  return text_of(
             "VERSION 0.7\nFIELDS", names, "\nSIZE", sizes, "\nTYPE", types, "\nCOUNT", counts) +
         text_of("\nWIDTH ", width, "\nHEIGHT ", height, "\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS ") +
         text_of(points(), "\nDATA ", kData[static_cast<std::size_t>(data)], "\n");
}

PcdHeader read_pcd_header(std::string_view bytes, std::string_view name) {
  PcdHeader header = PcdHeaderParser(bytes, name).parse();
  const std::string_view body = bytes.substr(header.body);
  switch (header.data) {
    case PcdData::kAscii:
      check_ascii(header, body, name);
      break;
    case PcdData::kBinary:
      check_binary(header, body, name);
      break;
    case PcdData::kCompressed:
      check_compressed(header, body, name);
      break;
  }
  return header;
}

}  // namespace larkspur::readers
