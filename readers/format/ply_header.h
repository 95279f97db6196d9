// SPDX-License-Identifier: Apache-2.0
// The header of a PLY file: which elements there are, of which properties, in which encoding.
//
//   ply
//   format binary_little_endian 1.0      or ascii, binary_big_endian
//   element vertex 502                   then as many rows, elements in the header's order
//   property float x                     one value, or: property list uchar int vertex_indices
//   end_header
//
// The format: G. Turk, "The PLY Polygon File Format", Stanford, 1994.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larkspur::readers {

enum class PlyFormat : std::uint8_t { kAscii, kLittleEndian, kBigEndian };

enum class PlyType : std::uint8_t {
  kInt8,
  kUint8,
  kInt16,
  kUint16,
  kInt32,
  kUint32,
  kFloat32,
  kFloat64
};

/// Bytes of a value in a binary file.
std::int64_t size_of(PlyType type);

struct PlyProperty {
  std::string name;
  PlyType type = PlyType::kFloat32;  ///< of the value, or of each value of a list
  std::optional<PlyType> count{};    ///< of a list: type of its length, an integer
};

struct PlyElement {
  std::string name;
  std::int64_t rows = 0;
  std::vector<PlyProperty> properties{};

  /// Place of the property of that name; nothing where there is none.
  std::optional<std::size_t> find(std::string_view property) const;
  bool has_lists() const;
  /// Bytes of a row in a binary file, lists taken as empty.
  std::int64_t row_bytes() const;
};

struct PlyHeader {
  PlyFormat format = PlyFormat::kAscii;
  std::vector<PlyElement> elements;  ///< each name once
  std::size_t body = 0;              ///< where the rows start
};

/// Lines end as the first one does: LF, CRLF or CR. Throws kCorruptData naming file, line, what was
/// expected and what was found. Counts are not checked against the file.
PlyHeader read_ply_header(std::string_view bytes, std::string_view name);

}  // namespace larkspur::readers
