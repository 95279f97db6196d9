// SPDX-License-Identifier: Apache-2.0
#include "readers/format/ply_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <ATen/ops/empty.h>

#include "pipeline/require.h"
#include "readers/file_bytes.h"
#include "readers/format/local_origin.h"
#include "readers/format/ply_cursor.h"
#include "readers/format/ply_header.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::Error;
using pipeline::require;
using pipeline::text_of;

constexpr std::array<std::string_view, 6> kColumns{"x", "y", "z", "nx", "ny", "nz"};

// Which properties are read.
struct Plan {
  std::vector<std::size_t> columns;      // of the element vertex: 3 or 6 places
  std::optional<std::size_t> corners{};  // of the element face, where it has rows
};

const PlyElement* find_element(const PlyHeader& header, std::string_view name) {
  for (const PlyElement& element : header.elements) {
    if (element.name == name && element.rows > 0) return &element;
  }
  return nullptr;
}

// By any of its names: vertex_indices, vertex_index, vertex_indexes.
std::optional<std::size_t> find_corners(const PlyElement& element) {
  for (const std::string_view known : {"vertex_indices", "vertex_index", "vertex_indexes"}) {
    if (const auto found = element.find(known)) return found;
  }
  return std::nullopt;
}

// Strips and fans describe a surface, too.
void refuse_other_surfaces(const PlyHeader& header, std::string_view name) {
  for (const PlyElement& element : header.elements) {
    const bool is_surface = element.name.starts_with("tristrip") || element.name == "trifans" ||
                            (find_corners(element) && element.name != "face");
    require(!is_surface || element.rows == 0,
            Errc::kUnsupported,
            name,
            ": a surface as element ",
            element.name,
            ", which is not read: save it as faces");
  }
}

Plan plan_of(const PlyHeader& header, std::string_view name) {
  Plan plan;
  const PlyElement* const face = find_element(header, "face");
  if (face != nullptr) plan.corners = find_corners(*face);
  require(face == nullptr || plan.corners,
          Errc::kUnsupported,
          name,
          ": element face without vertex_indices (vertex_index, vertex_indexes): its surface "
          "would be lost; save it with them, or as points alone");
  refuse_other_surfaces(header, name);
  if (plan.corners) {
    const PlyProperty& corners = face->properties[*plan.corners];
    require(corners.count && corners.type < PlyType::kFloat32,
            Errc::kUnsupported,
            name,
            ": property ",
            corners.name,
            " is no list of whole numbers");
  }
  const PlyElement* const vertex = find_element(header, "vertex");
  require(vertex != nullptr, Errc::kCorruptData, name, ": expected a vertex, found none");
  for (const std::string_view column : kColumns) {
    const std::optional<std::size_t> place = vertex->find(column);
    if (place) plan.columns.push_back(*place);
    if (!place && column.size() == 2) break;
    require(place.has_value(), Errc::kCorruptData, name, ": vertices without ", column);
    require(!vertex->properties[*place].count,
            Errc::kUnsupported,
            name,
            ": property ",
            column,
            " is a list, expected one number");
  }
  if (plan.corners || plan.columns.size() < kColumns.size()) plan.columns.resize(3);
  return plan;
}

// What the rows hold; `points` where they are float32 already.
struct Rows {
  std::vector<double> values;
  at::Tensor points;
  std::vector<Triangle> triangles;
  std::int64_t polygons = 0;
};

bool is_bad(double value) { return !(std::abs(value) <= kLargestCoordinate); }  // NaN too

template <typename Cursor>
class PlyReader {
 public:
  PlyReader(const PlyHeader& header, const Plan& plan, Cursor cursor)
      : header_(header), plan_(plan), cursor_(cursor) {}

  Rows read() {
    for (const PlyElement& element : header_.elements) {
      if (element.rows == 0 || element.properties.empty()) continue;
      if (element.rows > cursor_.most_rows(element)) {
        cursor_.fail(text_of(element.rows, " rows of ", element.name),
                     text_of("room for ", cursor_.most_rows(element), " at most"));
      }
      if (element.name == "vertex") {
        read_vertices(element);
      } else if (element.name == "face" && plan_.corners) {
        read_faces(element);
      } else {
        cursor_.skip_rows(element);
      }
    }
    return std::move(rows_);
  }

 private:
  static constexpr bool kIsBinary = !std::same_as<Cursor, PlyTextCursor>;

  void read_vertices(const PlyElement& vertex) {
    const std::size_t width = plan_.columns.size();
    if constexpr (kIsBinary) {
      if (!vertex.has_lists()) return read_columns(vertex);
    }
    std::vector<std::size_t> column_of(vertex.properties.size(), width);
    for (std::size_t k = 0; k < width; ++k) column_of[plan_.columns[k]] = k;
    rows_.values.resize(static_cast<std::size_t>(vertex.rows) * width);
    for (std::int64_t i = 0; i < vertex.rows; ++i) {
      cursor_.begin_row();
      double* const row = rows_.values.data() + static_cast<std::size_t>(i) * width;
      for (std::size_t p = 0; p < column_of.size(); ++p) {
        const PlyProperty& property = vertex.properties[p];
        if (property.count) {
          cursor_.skip_values(property.type, list_length(property));
          continue;
        }
        const double value = cursor_.value(property.type);
        if (column_of[p] == width) continue;
        if (is_bad(value)) cursor_.fail("a number that fits float32", text_of(value));
        row[column_of[p]] = value;
      }
      cursor_.end_row(false);
    }
  }

  // Rows of one size: each column in one sweep.
  void read_columns(const PlyElement& vertex) requires kIsBinary {
    const char* const bytes = cursor_.take(vertex.rows * vertex.row_bytes());
    const auto is_single = [&](std::size_t place) {
      return vertex.properties[place].type == PlyType::kFloat32;
    };
    const auto width = std::ssize(plan_.columns);
    if (!plan_.corners && std::all_of(plan_.columns.begin(), plan_.columns.end(), is_single)) {
      rows_.points = at::empty({vertex.rows, width}, at::kFloat);
      fill(vertex, bytes, rows_.points.template data_ptr<float>());
    } else {
      rows_.values.resize(static_cast<std::size_t>(vertex.rows * width));
      fill(vertex, bytes, rows_.values.data());
    }
  }

  template <typename Out>
  void fill(const PlyElement& vertex, const char* bytes, Out* to) {
    const std::int64_t stride = vertex.row_bytes();
    const auto width = std::ssize(plan_.columns);
    for (std::int64_t k = 0; k < width; ++k) {
      const std::size_t place = plan_.columns[static_cast<std::size_t>(k)];
      const char* from = bytes;
      for (std::size_t p = 0; p < place; ++p) from += size_of(vertex.properties[p].type);
      const std::int64_t bad =
          with_ply_type(vertex.properties[place].type, [&]<typename Value>(Value) {
            std::int64_t bad_rows = 0;
            for (std::int64_t i = 0; i < vertex.rows; ++i) {
              const auto value = Cursor::template load<Value>(from + i * stride);
              to[i * width + k] = static_cast<Out>(value);
              bad_rows += is_bad(static_cast<double>(value)) ? 1 : 0;
            }
            return bad_rows;
          });
      if (bad > 0) {
        cursor_.fail(text_of(kColumns[static_cast<std::size_t>(k)], " that fit float32"),
                     text_of(bad, " that do not"));
      }
    }
  }

  void read_faces(const PlyElement& face) {
    rows_.polygons = face.rows;
    rows_.triangles.reserve(static_cast<std::size_t>(face.rows));
    for (std::int64_t i = 0; i < face.rows; ++i) {
      cursor_.begin_row();
      for (std::size_t p = 0; p < face.properties.size(); ++p) {
        const PlyProperty& property = face.properties[p];
        if (p == plan_.corners) {
          read_polygon(property);
        } else {
          cursor_.skip_values(property.type, property.count ? list_length(property) : 1);
        }
      }
      cursor_.end_row(true);
    }
  }

  void read_polygon(const PlyProperty& property) {
    const std::int64_t corners = list_length(property);
    std::int32_t first = 0;
    std::int32_t last = 0;
    for (std::int64_t i = 0; i < corners; ++i) {
      const std::int32_t next = corner(property.type);
      if (i == 0) first = next;
      if (i > 1) rows_.triangles.push_back({first, last, next});
      last = next;
    }
  }

  std::int32_t corner(PlyType type) {
    const std::int64_t corner = cursor_.whole(type);
    if (corner < 0 || corner >= vertices_) {
      cursor_.fail(text_of("a vertex in [0, ", vertices_, ")"), text_of(corner));
    }
    return static_cast<std::int32_t>(corner);
  }

  std::int64_t list_length(const PlyProperty& property) {
    const std::int64_t length = cursor_.whole(*property.count);
    if (length < 0) cursor_.fail("a list length >= 0", text_of(length));
    return length;
  }

  const PlyHeader& header_;
  const Plan& plan_;
  Cursor cursor_;
  Rows rows_;
  // Faces may come first; below 2^31, because a file is below 2^32 bytes and a vertex has three.
  std::int64_t vertices_ = std::min<std::int64_t>(find_element(header_, "vertex")->rows,
                                                  std::numeric_limits<std::int32_t>::max());
};

Rows read_rows(const PlyHeader& header,
               const Plan& plan,
               std::string_view bytes,
               std::string_view name) {
  switch (header.format) {
    case PlyFormat::kAscii:
      return PlyReader(header, plan, PlyTextCursor(bytes, header, name)).read();
    case PlyFormat::kLittleEndian:
      return PlyReader(header, plan, PlyByteCursor<false>(bytes, header, name)).read();
    case PlyFormat::kBigEndian:
      break;
  }
  return PlyReader(header, plan, PlyByteCursor<true>(bytes, header, name)).read();
}

PlyContent content_of(Rows rows, std::size_t columns) {
  if (!rows.triangles.empty()) {
    Mesh mesh;
    mesh.vertices.resize(rows.values.size() / 3);
    for (std::size_t i = 0; i < rows.values.size(); ++i) {
      mesh.vertices[i / 3][i % 3] = rows.values[i];
    }
    mesh.triangles = std::move(rows.triangles);
    mesh.polygons = rows.polygons;
    return mesh;
  }
  if (!rows.points.defined()) return local_points(rows.values, static_cast<std::int64_t>(columns));
  move_to_origin(rows.points);
  return rows.points;
}

}  // namespace

pipeline::Result<PlyContent> parse_ply(std::string_view bytes, std::string_view name) {
  try {
    const PlyHeader header = read_ply_header(bytes, name);
    const Plan plan = plan_of(header, name);
    return content_of(read_rows(header, plan, bytes, name), plan.columns.size());
  } catch (const Error& error) {
    return error;
  }
}

pipeline::Result<PlyContent> read_ply(const std::filesystem::path& path) {
  const pipeline::Result<FileBytes> bytes = read_file(path);
  if (!bytes.ok()) return bytes.error();
  return parse_ply(bytes.value().view(), path.string());
}

}  // namespace larkspur::readers
