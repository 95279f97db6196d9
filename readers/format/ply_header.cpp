// SPDX-License-Identifier: Apache-2.0
#include "readers/format/ply_header.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>

#include "pipeline/require.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::Error;
using pipeline::text_of;

constexpr std::size_t kMaxFound = 24;  // bytes of a word in a message

struct PlyTypeName {
  std::string_view name;
  PlyType type;
};

constexpr std::array<PlyTypeName, 16> kPlyTypes{{{"char", PlyType::kInt8},
                                                 {"uchar", PlyType::kUint8},
                                                 {"short", PlyType::kInt16},
                                                 {"ushort", PlyType::kUint16},
                                                 {"int", PlyType::kInt32},
                                                 {"uint", PlyType::kUint32},
                                                 {"float", PlyType::kFloat32},
                                                 {"double", PlyType::kFloat64},
                                                 {"int8", PlyType::kInt8},
                                                 {"uint8", PlyType::kUint8},
                                                 {"int16", PlyType::kInt16},
                                                 {"uint16", PlyType::kUint16},
                                                 {"int32", PlyType::kInt32},
                                                 {"uint32", PlyType::kUint32},
                                                 {"float32", PlyType::kFloat32},
                                                 {"float64", PlyType::kFloat64}}};

class PlyHeaderParser {
 public:
  PlyHeaderParser(std::string_view bytes, std::string_view name) : rest_(bytes), name_(name) {}

  PlyHeader parse() {
    const std::size_t size = rest_.size();
    read_magic();
    do next_line();
    while (read_entry());
    header_.body = size - rest_.size();
    if (!has_format_) fail("format before end_header");
    return header_;
  }

 private:
  [[noreturn]] void fail(std::string_view expected) const {
    std::string found;
    for (const char c : text_.substr(0, kMaxFound)) found += c >= ' ' && c <= '~' ? c : '?';
    throw Error(Errc::kCorruptData,
                text_of(name_, ": line ", line_, ": expected ", expected, ", found '", found, "'"));
  }

  void read_magic() {
    text_ = rest_.substr(0, 3);
    line_ = 1;
    if (text_ != "ply") fail("ply");
    rest_.remove_prefix(3);
    for (const std::string_view eol : {"\r\n", "\n", "\r"}) {
      if (eol_.empty() && rest_.starts_with(eol)) eol_ = eol;
    }
    if (eol_.empty()) fail("the end of the line after ply");
    rest_.remove_prefix(eol_.size());
  }

  void next_line() {
    const std::size_t length = rest_.find(eol_);
    ++line_;
    text_ = rest_.substr(0, length);
    if (length == std::string_view::npos) fail("a line of the header and its end");
    rest_.remove_prefix(length + eol_.size());
    words_.clear();
    for (std::size_t at = text_.find_first_not_of(" \t"); at != std::string_view::npos;
         at = text_.find_first_not_of(" \t", at)) {
      const std::size_t end = std::min(text_.find_first_of(" \t", at), text_.size());
      words_.push_back(text_.substr(at, end - at));
      at = end;
    }
  }

  // False after the last line.
  bool read_entry() {
    const std::string_view key = words_.empty() ? std::string_view("comment") : words_.front();
    if (key == "end_header") return false;
    if (key == "comment" || key == "obj_info") return true;
    if (key == "format") {
      read_format();
    } else if (key == "element") {
      read_element();
    } else if (key == "property") {
      read_property();
    } else {
      fail("format, element, property, comment or end_header");
    }
    return true;
  }

  void read_format() {
    const std::string_view format = words_.size() == 3 ? words_[1] : std::string_view();
    if (has_format_) fail("format once");
    has_format_ = true;
    if (format == "ascii") {
      header_.format = PlyFormat::kAscii;
    } else if (format == "binary_little_endian") {
      header_.format = PlyFormat::kLittleEndian;
    } else if (format == "binary_big_endian") {
      header_.format = PlyFormat::kBigEndian;
    } else {
      fail("format ascii, binary_little_endian or binary_big_endian, and a version");
    }
  }

  void read_element() {
    if (words_.size() != 3) fail("element NAME ROWS");
    PlyElement element{std::string(words_[1])};
    const char* const end = words_[2].data() + words_[2].size();
    const auto [last, error] = std::from_chars(words_[2].data(), end, element.rows);
    if (error != std::errc() || last != end || element.rows < 0) fail("a number of rows >= 0");
    for (const PlyElement& other : header_.elements) {
      if (other.name == element.name) fail("each element once");
    }
    header_.elements.push_back(std::move(element));
  }

  void read_property() {
    if (header_.elements.empty()) fail("an element before its properties");
    const bool is_list = words_.size() == 5 && words_[1] == "list";
    if (!is_list && words_.size() != 3) fail("property TYPE NAME or property list TYPE TYPE NAME");
    PlyProperty property{std::string(words_.back()), type_of(words_[words_.size() - 2])};
    if (is_list) {
      property.count = type_of(words_[2]);
      if (*property.count >= PlyType::kFloat32) fail("a list length of an integer type");
    }
    PlyElement& element = header_.elements.back();
    if (element.find(property.name)) fail("each property once");
    element.properties.push_back(std::move(property));
  }

  PlyType type_of(std::string_view word) const {
    for (const PlyTypeName& one : kPlyTypes) {
      if (one.name == word) return one.type;
    }
    fail("a type such as uchar, int or float");
  }

  std::string_view rest_;
  std::string_view name_;
  std::string_view eol_;
  std::string_view text_;  // of the line
  std::vector<std::string_view> words_;
  std::int64_t line_ = 0;
  bool has_format_ = false;
  PlyHeader header_;
};

}  // namespace

std::int64_t size_of(PlyType type) {
  constexpr std::array<std::int64_t, 8> kSizes{1, 1, 2, 2, 4, 4, 4, 8};
  return kSizes[static_cast<std::size_t>(type)];
}

std::optional<std::size_t> PlyElement::find(std::string_view property) const {
  for (std::size_t i = 0; i < properties.size(); ++i) {
    if (properties[i].name == property) return i;
  }
  return std::nullopt;
}

bool PlyElement::has_lists() const {
  return std::any_of(properties.begin(), properties.end(), [](const PlyProperty& property) {
    return property.count.has_value();
  });
}

std::int64_t PlyElement::row_bytes() const {
  std::int64_t bytes = 0;
  for (const PlyProperty& property : properties) {
    bytes += size_of(property.count.value_or(property.type));
  }
  return bytes;
}

PlyHeader read_ply_header(std::string_view bytes, std::string_view name) {
  return PlyHeaderParser(bytes, name).parse();
}

}  // namespace larkspur::readers
