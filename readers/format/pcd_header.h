// SPDX-License-Identifier: Apache-2.0
// The header of a PCD file, checked against the bytes that follow it.
//
// PCL allocates what a header claims before it looks at the data: 200 bytes can make it take a
// gigabyte. So the header is read here first, and PCL is given one written from what was checked.
// The format: "The PCD (Point Cloud Data) file format", version .7, in PCL's documentation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace larkspur::readers {

enum class PcdData : std::uint8_t { kAscii, kBinary, kCompressed };

struct PcdField {
  std::string name;
  std::int64_t size = 4;   ///< bytes of one value: 1, 2, 4, 8
  char type = 'F';         ///< F, I, U
  std::int64_t count = 1;  ///< values, >= 1

  bool is_padding() const { return name == "_"; }
};

struct PcdHeader {
  std::vector<PcdField> fields;  ///< x, y and z among them, once each, F 4 or F 8
  std::int64_t width = 0;
  std::int64_t height = 0;
  PcdData data = PcdData::kAscii;
  std::size_t body = 0;   ///< where the data starts
  std::int64_t line = 0;  ///< line of DATA, 1 for the first

  std::int64_t points() const { return width * height; }  ///< [1, 2^31)
  std::int64_t values() const;                            ///< of a point, padding counted
  /// Bytes of a point in memory; compressed data leaves padding fields out.
  std::int64_t point_bytes() const;
  /// The header of the same fields as PCL reads it; names that do not matter here are replaced.
  std::string text() const;
};

/// Reads the header and checks that the points it promises are there: binary data by its bytes,
/// compressed data by its own two sizes and by what LZF can make of them (264 bytes of 3), text by
/// lines of as many numbers as the fields have. Throws kCorruptData naming file and line,
/// kUnsupported for coordinates of another type and for clouds over 2^31 bytes.
PcdHeader read_pcd_header(std::string_view bytes, std::string_view name);

}  // namespace larkspur::readers
