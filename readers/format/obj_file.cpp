// SPDX-License-Identifier: Apache-2.0
#include "readers/format/obj_file.h"

#include <algorithm>
#include <array>
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

constexpr std::array<std::string_view, 10> kNoSurface{
    "vt", "vn", "vp", "o", "g", "s", "usemtl", "mtllib", "l", "p"};
constexpr std::array<std::string_view, 4> kOtherSurfaces{"cstype", "curv", "curv2", "surf"};

// Throws Error inside; the one way out turns it into a Result.
class ObjParser {
 public:
  ObjParser(std::string_view text, std::string_view name)
      : scan_(text), furthest_place_(text), name_(name) {}

  Mesh parse() {
    for (scan_.skip_to_content(); !scan_.at_end(); scan_.skip_to_content()) read_statement();
    if (mesh_.vertices.empty()) fail("a vertex");
    if (furthest_ >= std::ssize(mesh_.vertices)) {
      scan_ = furthest_place_;
      fail(text_of("a vertex in [1, ", mesh_.vertices.size(), "]"), text_of(furthest_ + 1));
    }
    return std::move(mesh_);
  }

 private:
  [[noreturn]] void fail(const std::string& expected, Errc code = Errc::kCorruptData) const {
    fail(expected, scan_.found(), code);
  }

  [[noreturn]] void fail(const std::string& expected,
                         const std::string& found,
                         Errc code = Errc::kCorruptData) const {
    throw Error(
        code, text_of(name_, ": line ", scan_.line(), ": expected ", expected, ", found ", found));
  }

  // Over the word where the text goes on with it and nothing else is glued to it.
  bool skip_keyword(std::string_view word) {
    const TextScanner start = scan_;
    if (!scan_.skip_word(word)) return false;
    const char next = scan_.peek();
    if (next == ' ' || next == '\t' || scan_.at_line_end()) return true;
    scan_ = start;
    return false;
  }

  void read_statement() {
    const auto skips = [&](std::string_view word) { return skip_keyword(word); };
    if (skip_keyword("v")) return read_vertex();
    if (skip_keyword("f")) return read_polygon();
    if (std::ranges::any_of(kNoSurface, skips)) return scan_.skip_line();
    const TextScanner start = scan_;
    if (std::ranges::any_of(kOtherSurfaces, skips)) {
      scan_ = start;
      fail("polygons (save free forms as a mesh)", Errc::kUnsupported);
    }
    fail("v, f or another word of OBJ");
  }

  void read_vertex() {
    Vertex vertex{};
    int count = 0;
    for (scan_.skip_blanks(); !scan_.at_line_end(); scan_.skip_blanks(), ++count) {
      double value = 0.0;
      if (!scan_.number(value)) fail("a coordinate of a vertex");
      if (count >= std::ssize(vertex)) continue;
      if (std::abs(value) > kLargestCoordinate) fail("a coordinate that fits float32");
      vertex[static_cast<std::size_t>(count)] = value;
    }
    // Three, a weight of curves behind them, a colour behind those.
    const bool is_usual = count == 3 || count == 4 || count == 6 || count == 7;
    if (!is_usual) fail("3, 4, 6 or 7 numbers of a vertex", text_of(count));
    if (mesh_.vertices.size() >= std::numeric_limits<std::int32_t>::max()) {
      fail("fewer vertices", Errc::kUnsupported);
    }
    mesh_.vertices.push_back(vertex);
  }

  // A number of the file as a place, negative ones counted back from `count`.
  std::int64_t read_place(std::int64_t count) {
    const TextScanner start = scan_;
    std::int64_t number = 0;
    const bool is_back = scan_.skip_word("-");
    const bool is_read = scan_.digits(number);
    if (!is_read || number == 0 || (is_back && number > count)) {
      scan_ = start;
      fail("a corner as 1, 1/2, 1//3, 1/2/3 or -1 of a vertex in front");
    }
    return is_back ? count - number : number - 1;
  }

  std::int32_t read_corner() {
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
    scan_.skip_blanks();
    const TextScanner start = scan_;
    const std::int64_t place = read_place(std::ssize(mesh_.vertices));
    // Texture and normal, either of which may be missing; they are not kept.
    for (int part = 0; part < 2 && scan_.skip_word("/"); ++part) {
      if (scan_.peek() != '/' && !ends_corner()) read_place(kMost);
    }
    if (!ends_corner()) fail("the end of a corner");
    // A vertex may stand behind the polygons that it belongs to.
    if (place > furthest_) {
      furthest_ = place;
      furthest_place_ = start;
    }
    return static_cast<std::int32_t>(place);  // refused at the end where it is no vertex
  }

  bool ends_corner() const {
    return scan_.at_line_end() || scan_.peek() == ' ' || scan_.peek() == '\t';
  }

  void read_polygon() {
    const std::int32_t first = read_corner();
    std::int32_t last = read_corner();
    bool has_surface = false;
    for (scan_.skip_blanks(); !scan_.at_line_end(); scan_.skip_blanks(), has_surface = true) {
      const std::int32_t next = read_corner();
      mesh_.triangles.push_back({first, last, next});
      last = next;
    }
    if (!has_surface) fail("a third corner of a polygon");
    ++mesh_.polygons;
  }

  TextScanner scan_;
  TextScanner furthest_place_;  // of the corner with the largest number
  std::int64_t furthest_ = -1;
  std::string_view name_;
  Mesh mesh_;
};

}  // namespace

pipeline::Result<Mesh> parse_obj(std::string_view text, std::string_view name) {
  try {
    return ObjParser(text, name).parse();
  } catch (const Error& error) {
    return error;
  }
}

pipeline::Result<Mesh> read_obj(const std::filesystem::path& path) {
  const pipeline::Result<FileBytes> bytes = read_file(path);
  if (!bytes.ok()) return bytes.error();
  return parse_obj(bytes.value().view(), path.string());
}

}  // namespace larkspur::readers
