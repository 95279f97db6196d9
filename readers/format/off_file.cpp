// SPDX-License-Identifier: Apache-2.0
#include "readers/format/off_file.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "pipeline/require.h"
#include "readers/file_bytes.h"
#include "readers/text_scanner.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::Error;
using pipeline::text_of;

constexpr std::int64_t kVertexBytes = 6;   // "0 0 0\n"
constexpr std::int64_t kPolygonBytes = 4;  // "1 0\n"

struct Counts {
  std::int64_t vertices = 0;
  std::int64_t polygons = 0;
};

// Throws Error inside; the one way out turns it into a Result.
class OffParser {
 public:
  OffParser(std::string_view text, std::string_view name) : scan_(text), name_(name) {}

  Mesh parse() {
    read_header();
    const Counts counts = read_counts();
    Mesh mesh;
    mesh.vertices.reserve(static_cast<std::size_t>(counts.vertices));
    mesh.triangles.reserve(static_cast<std::size_t>(counts.polygons));
    for (std::int64_t i = 0; i < counts.vertices; ++i) mesh.vertices.push_back(read_vertex());
    for (std::int64_t i = 0; i < counts.polygons; ++i) {
      read_polygon(static_cast<std::int32_t>(counts.vertices), mesh.triangles);
    }
    mesh.polygons = counts.polygons;
    scan_.skip_to_content();
    if (!scan_.at_end()) {
      fail(text_of("the end of the file after ", counts.polygons, " polygons"));
    }
    return mesh;
  }

 private:
  [[noreturn]] void fail(const std::string& expected, Errc code = Errc::kCorruptData) const {
    fail(expected, scan_.found(), code);
  }

  [[noreturn]] void fail(const std::string& expected, const std::string& found, Errc code) const {
    throw Error(
        code, text_of(name_, ": line ", scan_.line(), ": expected ", expected, ", found ", found));
  }

  void read_header() {
    scan_.skip_to_content();
    // A count where the word should be: some programs leave it out.
    if (scan_.peek() >= '0' && scan_.peek() <= '9' && !scan_.starts_with("4OFF")) return;
    while (scan_.skip_word("ST") || scan_.skip_word("C") || scan_.skip_word("N")) {
      has_extras_ = true;
    }
    is_homogeneous_ = scan_.skip_word("4");
    if (scan_.peek() == 'n') fail("three-dimensional OFF", Errc::kUnsupported);
    if (!scan_.skip_word("OFF")) fail("OFF");
    scan_.skip_blanks();
    if (scan_.peek() == 'B') {
      fail("OFF as text (save it so, or as .ply)", Errc::kUnsupported);
    }
  }

  std::int64_t read_count(std::int64_t least, const char* expected) {
    std::int64_t count = 0;
    scan_.skip_to_content();
    if (!scan_.integer(count)) fail(expected);
    if (count < least) fail(expected, text_of(count), Errc::kCorruptData);
    return count;
  }

  Counts read_counts() {
    Counts counts;
    std::int64_t edges = 0;
    counts.vertices = read_count(1, "a number of vertices > 0");
    counts.polygons = read_count(0, "a number of polygons >= 0");
    scan_.skip_blanks();
    if (!scan_.at_line_end() && !scan_.integer(edges)) fail("a number of edges");
    end_line("the counts");
    check_room(counts);
    return counts;
  }

  void check_room(const Counts& counts) const {
    const std::int64_t left = scan_.bytes_left() + 1;  // the last line may lack its end
    const std::int64_t polygons = std::min(counts.polygons, left);
    if (counts.vertices <= (left - polygons * kPolygonBytes) / kVertexBytes) return;
    throw Error(Errc::kCorruptData,
                text_of(name_,
                        ": line ",
                        scan_.line(),
                        ": promises ",
                        counts.vertices,
                        " vertices and ",
                        counts.polygons,
                        " polygons, expected no more than ",
                        "the ",
                        left - 1,
                        " bytes that follow can hold"));
  }

  Vertex read_vertex() {
    scan_.skip_to_content();
    Vertex vertex;
    for (double& coordinate : vertex) {
      scan_.skip_blanks();
      if (!scan_.number(coordinate)) fail("a coordinate of a vertex");
      if (coordinate > kLargestCoordinate || coordinate < -kLargestCoordinate)
        fail("a coordinate that fits float32");
    }
    if (is_homogeneous_) divide(vertex);
    if (has_extras_) {
      scan_.skip_line();
    } else {
      skip_unnamed_extras();
    }
    return vertex;
  }

  // x, y, z and the w they are multiplied by.
  void divide(Vertex& vertex) {
    double w = 0.0;
    scan_.skip_blanks();
    if (!scan_.number(w) || w == 0.0) fail("a fourth coordinate that is not 0");
    for (double& coordinate : vertex) {
      coordinate /= w;
      if (std::abs(coordinate) > kLargestCoordinate) fail("a coordinate that fits float32");
    }
  }

  // A colour or a normal behind every vertex of a plain OFF: 3, 4, 6 or 7 numbers, all vertices
  // alike. Another count, or another than before, means that lines are not what they seem.
  void skip_unnamed_extras() {
    int here = 0;
    scan_.skip_blanks();
    if (!scan_.at_line_end()) {
      const TextScanner start = scan_;
      double ignored = 0.0;
      for (; !scan_.at_line_end() && scan_.number(ignored); scan_.skip_blanks()) ++here;
      const bool is_usual = here == 3 || here == 4 || here == 6 || here == 7;
      const bool is_alike = extras_ == kUnseen || here == extras_;
      if (!scan_.at_line_end() || !is_usual || !is_alike) scan_ = start;
    }
    if (extras_ == kUnseen) extras_ = here;
    if (here < extras_) fail(text_of(extras_, " numbers behind a vertex, as behind the first"));
    end_line("a vertex");
  }

  std::int32_t read_corner(std::int32_t vertices) {
    std::int64_t corner = 0;
    scan_.skip_blanks();
    if (!scan_.integer(corner)) fail("a corner of a polygon");
    if (corner < 0 || corner >= vertices) {
      fail(text_of("a corner in [0, ", vertices, ")"), text_of(corner), Errc::kCorruptData);
    }
    return static_cast<std::int32_t>(corner);
  }

  void read_polygon(std::int32_t vertices, std::vector<Triangle>& triangles) {
    const std::int64_t corners = read_count(1, "a polygon's number of corners > 0");
    const std::int32_t first = read_corner(vertices);
    std::int32_t last = corners > 1 ? read_corner(vertices) : first;
    for (std::int64_t i = 2; i < corners; ++i) {
      const std::int32_t next = read_corner(vertices);
      triangles.push_back({first, last, next});
      last = next;
    }
    skip_colour();
  }

  // Colours are numbers; a word there means that lines are not what they seem.
  void skip_colour() {
    for (scan_.skip_blanks(); !scan_.at_line_end(); scan_.skip_blanks()) {
      double part = 0.0;
      if (!scan_.number(part)) fail("a colour or the end of the line");
    }
    scan_.skip_line();
  }

  void end_line(std::string_view what) {
    scan_.skip_blanks();
    if (!scan_.at_line_end()) fail(text_of("the end of the line after ", what));
    scan_.skip_line();
  }

  TextScanner scan_;
  std::string_view name_;
  static constexpr int kUnseen = -1;

  bool has_extras_ = false;
  bool is_homogeneous_ = false;
  int extras_ = kUnseen;  // numbers behind a vertex that the header does not name
};

}  // namespace

pipeline::Result<Mesh> parse_off(std::string_view text, std::string_view name) {
  try {
    return OffParser(text, name).parse();
  } catch (const Error& error) {
    return error;
  }
}

pipeline::Result<Mesh> read_off(const std::filesystem::path& path) {
  const pipeline::Result<FileBytes> bytes = read_file(path);
  if (!bytes.ok()) return bytes.error();
  return parse_off(bytes.value().view(), path.string());
}

}  // namespace larkspur::readers
