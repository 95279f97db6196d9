// SPDX-License-Identifier: Apache-2.0
// The rows of a PLY file one value after the other, from text or from bytes.
//
// Both cursors have the same members; ply_file.cpp is written once for either. A value that is not
// there throws kCorruptData with where(), what was expected and what was found.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "pipeline/require.h"
#include "readers/format/ply_header.h"
#include "readers/text_scanner.h"

namespace larkspur::readers {

/// Calls `use` with a zero of the type's own kind.
template <typename Use>
decltype(auto) with_ply_type(PlyType type, const Use& use) {
  switch (type) {
    case PlyType::kInt8:
      return use(std::int8_t{});
    case PlyType::kUint8:
      return use(std::uint8_t{});
    case PlyType::kInt16:
      return use(std::int16_t{});
    case PlyType::kUint16:
      return use(std::uint16_t{});
    case PlyType::kInt32:
      return use(std::int32_t{});
    case PlyType::kUint32:
      return use(std::uint32_t{});
    case PlyType::kFloat32:
      return use(float{});
    case PlyType::kFloat64:
      break;
  }
  return use(double{});
}

/// A value of either byte order at any address.
template <typename Value, bool kSwap>
Value load_ply(const char* at) {
  static_assert(std::endian::native == std::endian::little);
  std::array<char, sizeof(Value)> bytes;
  std::memcpy(bytes.data(), at, bytes.size());
  if constexpr (kSwap) std::reverse(bytes.begin(), bytes.end());
  return std::bit_cast<Value>(bytes);
}

/// Over the lines of a text; a row is a line.
class PlyTextCursor {
 public:
  PlyTextCursor(std::string_view bytes, const PlyHeader& header, std::string_view name)
      : scan_(bytes), name_(name) {
    scan_.skip_word(bytes.substr(0, header.body));
  }

  /// No more rows than this can follow.
  std::int64_t most_rows(const PlyElement& element) const {
    return (scan_.bytes_left() + 1) / (2 * std::ssize(element.properties));  // "1 2 3\n"
  }

  void begin_row() {
    scan_.skip_to_content();
    if (scan_.at_end()) fail("a row", "the end of the file");
  }

  double value(PlyType) {
    double value = 0.0;
    scan_.skip_blanks();
    if (!scan_.number(value)) fail("a number", scan_.found());
    return value;
  }

  std::int64_t whole(PlyType) {
    std::int64_t value = 0;
    scan_.skip_blanks();
    if (!scan_.integer(value)) fail("a whole number", scan_.found());
    return value;
  }

  void skip_values(PlyType type, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) value(type);
  }

  void skip_rows(const PlyElement& element) {
    for (std::int64_t i = 0; i < element.rows; ++i) {
      begin_row();
      scan_.skip_line();
    }
  }

  /// Some writers put a list where the header has one value: with `more`, numbers may follow.
  void end_row(bool more) {
    double value = 0.0;
    for (scan_.skip_blanks(); !scan_.at_line_end(); scan_.skip_blanks()) {
      if (!more || !scan_.number(value)) fail("the end of the line", scan_.found());
    }
  }

  [[noreturn]] void fail(std::string_view expected, std::string_view found) const {
    using pipeline::text_of;
    throw pipeline::Error(
        pipeline::Errc::kCorruptData,
        text_of(name_, ": line ", scan_.line(), ": expected ", expected, ", found ", found));
  }

 private:
  TextScanner scan_;
  std::string_view name_;
};

/// Over the bytes of a binary file, whose byte order may be the other one.
template <bool kSwap>
class PlyByteCursor {
 public:
  PlyByteCursor(std::string_view bytes, const PlyHeader& header, std::string_view name)
      : bytes_(bytes), at_(header.body), name_(name) {}

  std::int64_t most_rows(const PlyElement& element) const { return left() / element.row_bytes(); }

  void begin_row() {}

  template <typename Value>
  static Value load(const char* at) {
    return load_ply<Value, kSwap>(at);
  }

  double value(PlyType type) {
    return with_ply_type(type, [&]<typename Value>(Value) {
      return static_cast<double>(load_ply<Value, kSwap>(take(sizeof(Value))));
    });
  }

  std::int64_t whole(PlyType type) {
    return with_ply_type(type, [&]<typename Value>(Value) {
      return static_cast<std::int64_t>(load_ply<Value, kSwap>(take(sizeof(Value))));
    });
  }

  /// The next `bytes` bytes, stepped over.
  const char* take(std::int64_t bytes) {
    if (bytes > left()) fail(pipeline::text_of(bytes, " more bytes"), pipeline::text_of(left()));
    const char* const here = bytes_.data() + at_;
    at_ += static_cast<std::size_t>(bytes);
    return here;
  }

  void skip_values(PlyType type, std::int64_t count) { take(count * size_of(type)); }

  void skip_rows(const PlyElement& element) {
    if (!element.has_lists()) {
      take(element.rows * element.row_bytes());
      return;
    }
    for (std::int64_t i = 0; i < element.rows; ++i) {
      for (const PlyProperty& property : element.properties) {
        skip_values(property.type, property.count ? length(*property.count) : 1);
      }
    }
  }

  void end_row(bool) {}

  [[noreturn]] void fail(std::string_view expected, std::string_view found) const {
    using pipeline::text_of;
    throw pipeline::Error(
        pipeline::Errc::kCorruptData,
        text_of(name_, ": byte ", at_, ": expected ", expected, ", found ", found));
  }

 private:
  std::int64_t left() const { return static_cast<std::int64_t>(bytes_.size() - at_); }

  std::int64_t length(PlyType type) {
    const std::int64_t length = whole(type);
    if (length < 0) fail("a list length >= 0", pipeline::text_of(length));
    return length;
  }

  std::string_view bytes_;
  std::size_t at_;
  std::string_view name_;
};

}  // namespace larkspur::readers
