// SPDX-License-Identifier: Apache-2.0
#include "readers/format/ply_file.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/rng.h"
#include "tests/readers/write_file.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ply(const std::string& format, const std::string& elements, const std::string& body) {
  return "ply\nformat " + format + " 1.0\ncomment by hand\n" + elements + "end_header\n" + body;
}

const std::string kCoordinates = "property float x\nproperty float y\nproperty float z\n";
const std::string kCorners = "property list uchar int vertex_indices\n";
const std::string kTwo = "element vertex 2\n" + kCoordinates;
const std::string kPlyTriangle =
    "element vertex 3\n" + kCoordinates + "element face 1\n" + kCorners;

// Values as bytes of either order.
class Bytes {
 public:
  explicit Bytes(bool is_big) : is_big_(is_big) {}

  template <typename Value>
  Bytes& add(Value value) {
    std::string bytes(sizeof(Value), '\0');
    std::memcpy(bytes.data(), &value, sizeof(Value));
    if (is_big_) std::reverse(bytes.begin(), bytes.end());
    text_ += bytes;
    return *this;
  }

  const std::string& text() const { return text_; }

 private:
  bool is_big_;
  std::string text_;
};

std::string format_of(bool is_big) { return is_big ? "binary_big_endian" : "binary_little_endian"; }

Mesh mesh_of(const std::string& bytes) {
  const auto content = parse_ply(bytes, "a.ply");
  EXPECT_TRUE(content.ok()) << (content.ok() ? "" : content.error().what());
  return content.ok() ? std::get<Mesh>(content.value()) : Mesh{};
}

void expect_points(const std::string& bytes, const at::Tensor& expected) {
  const auto content = parse_ply(bytes, "a.ply");
  ASSERT_TRUE(content.ok()) << content.error().what();
  EXPECT_TRUE(at::equal(std::get<at::Tensor>(content.value()), expected)) << bytes;
}

void expect_ply_refused(const std::string& bytes,
                        const std::string& where,
                        const std::string& what) {
  const auto content = parse_ply(bytes, "a.ply");
  ASSERT_FALSE(content.ok()) << bytes;
  EXPECT_EQ(content.error().code(), Errc::kCorruptData);
  EXPECT_THAT(content.error().what(), AllOf(HasSubstr("a.ply: " + where), HasSubstr(what)));
}

const at::Tensor kPoints = at::tensor({1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.5F}).reshape({2, 3});

TEST(PlyFile, ReadsTheSamePointsFromEveryEncoding) {
  expect_points(ply("ascii", kTwo, "1 2 3\n4 5 6.5\n"), kPoints);
  for (const bool is_big : {false, true}) {
    Bytes bytes(is_big);
    for (const float value : {1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.5F}) bytes.add(value);
    expect_points(ply(format_of(is_big), kTwo, bytes.text()), kPoints);
  }
}

TEST(PlyFile, ReadsEveryTypeInBothByteOrders) {
  for (const bool is_big : {false, true}) {
    for (const bool has_list : {false, true}) {  // rows of one size, and of different ones
      const std::string vertex =
          "element vertex 1\nproperty int8 a\nproperty double x\nproperty ushort b\n"
          "property int y\nproperty uint c\nproperty short z\n" +
          std::string(has_list ? "property list uint double d\n" : "");
      Bytes row(is_big);
      row.add(std::int8_t{-1}).add(-0.25).add(std::uint16_t{7}).add(std::int32_t{-70000});
      row.add(std::uint32_t{8}).add(std::int16_t{-300});
      if (has_list) row.add(std::uint32_t{2}).add(0.0).add(0.0);
      expect_points(ply(format_of(is_big), vertex, row.text()),
                    at::tensor({-0.25F, -70000.0F, -300.0F}).reshape({1, 3}));
    }
  }
}

TEST(PlyFile, TakesNormalsInAnyPlace) {
  const std::string vertex =
      "element vertex 1\nproperty float nz\nproperty float x\nproperty float ny\n"
      "property float y\nproperty float nx\nproperty float z\nproperty uchar red\n";
  const at::Tensor expected = at::tensor({1.F, 2.F, 3.F, 0.F, 0.F, 1.F}).reshape({1, 6});
  expect_points(ply("ascii", vertex, "1 1 0 2 0 3 255\n"), expected);
  Bytes row(true);
  for (const float value : {1.F, 1.F, 0.F, 2.F, 0.F, 3.F}) row.add(value);
  expect_points(ply("binary_big_endian", vertex, row.add(std::uint8_t{255}).text()), expected);
}

TEST(PlyFile, MakesFansOfFacesBeforeOrAfterTheVertices) {
  const std::string vertex = "element vertex 5\n" + kCoordinates;
  const std::string face =
      "element face 3\nproperty uchar red\nproperty list uchar float texcoord\n" + kCorners;
  const std::string corners = "9 2 0.5 0.5 5 0 1 2 3 4\n9 0 2 0 1\n9 1 1 3 4 1 2\n";
  const std::string places = "0 0 0\n1 0 0\n1 1 0\n0 1 0\n9 9 9\n";
  for (const std::string& bytes : {ply("ascii", vertex + face, places + corners),
                                   ply("ascii", face + vertex, corners + places)}) {
    const Mesh mesh = mesh_of(bytes);
    EXPECT_EQ(mesh.vertices.size(), 5U);
    EXPECT_EQ(mesh.polygons, 3);
    EXPECT_THAT(
        mesh.triangles,
        ElementsAre(Triangle{0, 1, 2}, Triangle{0, 2, 3}, Triangle{0, 3, 4}, Triangle{4, 1, 2}));
  }
}

TEST(PlyFile, ReadsBinaryMeshesWithDoublesOfBothByteOrders) {
  const std::string elements =
      "element face 1\nproperty list uchar uint vertex_index\nelement vertex 3\n"
      "property double x\nproperty double y\nproperty double z\n";
  for (const bool is_big : {false, true}) {
    Bytes bytes(is_big);
    bytes.add(std::uint8_t{3});
    for (const std::uint32_t corner : {2U, 1U, 0U}) bytes.add(corner);
    for (int i = 0; i < 9; ++i) bytes.add(0.1 * i);
    const Mesh mesh = mesh_of(ply(format_of(is_big), elements, bytes.text()));
    EXPECT_THAT(mesh.triangles, ElementsAre(Triangle{2, 1, 0}));
    EXPECT_THAT(mesh.vertices[2], ElementsAre(0.1 * 6, 0.1 * 7, 0.1 * 8));
  }
}

TEST(PlyFile, StepsOverUnknownElementsAndThoseWithoutRows) {
  const std::string unknown =
      "element edge 0\nproperty int a\nelement nothing 4\n"
      "element strip 2\nproperty list uchar ushort s\nproperty float f\n";
  const std::string elements = unknown + kTwo + "element face 0\n" + kCorners;
  expect_points(ply("ascii", elements, "2 7 8 0.5\n0 1.5\n1 2 3\n4 5 6.5\n"), kPoints);
  Bytes bytes(false);
  bytes.add(std::uint8_t{2}).add(std::uint16_t{7}).add(std::uint16_t{8}).add(0.5F);
  bytes.add(std::uint8_t{0}).add(1.5F);
  for (const float value : {1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.5F}) bytes.add(value);
  expect_points(ply("binary_little_endian", elements, bytes.text()), kPoints);
}

TEST(PlyFile, NeverDropsASurface) {
  const std::string vertices = "element vertex 3\n" + kCoordinates;
  const std::string corners = "0 0 0\n1 0 0\n0 1 0\n";
  const auto read = [&](const std::string& surface, const std::string& rows) {
    return parse_ply(ply("ascii", vertices + surface, corners + rows), "a.ply");
  };
  for (const char* const known : {"vertex_indices", "vertex_index", "vertex_indexes"}) {
    const auto file =
        read(std::string("element face 1\nproperty list uchar int ") + known + "\n", "3 0 1 2\n");
    EXPECT_EQ(std::get<Mesh>(file.value()).triangles.size(), 1U) << known;
  }
  const auto refused = [&](const std::string& surface, const char* text) {
    const auto file = read(surface, "3 0 1 2\n");
    ASSERT_FALSE(file.ok()) << surface;
    EXPECT_EQ(file.error().code(), Errc::kUnsupported);
    EXPECT_THAT(file.error().what(), HasSubstr(text));
  };
  refused("element face 1\nproperty list uchar int corners\n", "face without vertex_indices");
  refused("element tristrips 1\nproperty list int int vertex_indices\n",
          "a surface as element tristrips, which is not read: save it as faces");
}

TEST(PlyFile, AcceptsWindowsLinesMoreLinesAndMoreNumbersBehindAFace) {
  std::string windows;
  for (const char c : ply("ascii", kTwo, "1 2 3\n4 5 6.5\n")) {
    windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  }
  expect_points(windows, kPoints);
  expect_points(ply("ascii", kTwo, "1 2 3\n4 5 6.5\n\n7 8 9\n"), kPoints);
  EXPECT_EQ(mesh_of(ply("ascii", kPlyTriangle, "0 0 0\n1 0 0\n0 1 0\n3 0 1 2 9 1 1\n")).polygons,
            1);
  Bytes row(false);  // a line feed is also a good first byte of data behind CRLF
  row.add(std::int8_t{'\n'}).add(std::int8_t{2}).add(std::int8_t{3});
  expect_points(
      "ply\r\nformat binary_little_endian 1.0\r\nelement vertex 1\r\nproperty char x\r\n"
      "property char y\r\nproperty char z\r\nend_header\r\n" +
          row.text() + "padding",
      at::tensor({10.0F, 2.0F, 3.0F}).reshape({1, 3}));
}

TEST(PlyFile, MovesFarPointsToTheOriginInDouble) {
  const std::string vertex =
      "element vertex 2\nproperty double x\nproperty double y\nproperty double z\n";
  const auto content =
      parse_ply(ply("ascii", vertex, "513247.001 5403655 0\n513249.001 5403655.002 0\n"), "a.ply");
  const at::Tensor points = std::get<at::Tensor>(content.value());
  EXPECT_NEAR(points[0][0].item<float>(), -1.0F, 1e-6);
  EXPECT_NEAR(points[1][1].item<float>(), 0.001F, 1e-6);
}

TEST(PlyFile, RefusesHeadersThatContradictTheFormatNamingTheLine) {
  expect_ply_refused("OFF\n", "line 1", "expected ply, found 'OFF'");
  expect_ply_refused("ply\nformat ascii 1.0\nend_header\n", "", "expected a vertex, found none");
  expect_ply_refused(
      ply("ascii", "element vertex 0\n" + kCoordinates, ""), "", "expected a vertex");
  expect_ply_refused("ply\nend_header\n", "line 2", "expected format");
  expect_ply_refused(ply("binary", kTwo, ""), "line 2", "expected format ascii");
  expect_ply_refused(ply("ascii", "element vertex -1\n", ""), "line 4", "a number of rows >= 0");
  expect_ply_refused(ply("ascii", "property int x\n", ""), "line 4", "an element before");
  expect_ply_refused(ply("ascii", kTwo + "property half h\n", ""), "line 8", "a type such as");
  expect_ply_refused(
      ply("ascii", kTwo + "property list float int h\n", ""), "line 8", "integer type");
  expect_ply_refused(ply("ascii", kTwo + "property float x\n", ""), "line 8", "each property once");
  expect_ply_refused(ply("ascii", kTwo + kTwo, ""), "line 8", "each element once");
  expect_ply_refused(ply("ascii", "element vertex 1\nproperty float x\n", "1\n"), "", "without y");
  expect_ply_refused("ply\nformat ascii 1.0\n", "line 3", "a line of the header");
}

TEST(PlyFile, RefusesRowsThatContradictTheHeader) {
  expect_ply_refused(
      ply("ascii", kTwo, "1 2 3\n4 5    \n"), "line 10", "a number, found the end of the");
  expect_ply_refused(ply("ascii", kTwo, "1 2 3\n4 5 nan\n"), "line 10", "found 'nan'");
  expect_ply_refused(ply("ascii", kTwo, "1 2 3\n4 5 1e39\n"), "line 10", "fits float32");
  expect_ply_refused(
      ply("ascii", kTwo, "1 2 3 4\n4 5 6\n"), "line 9", "the end of the line, found '4'");
  const std::string places = "0 0 0\n1 0 0\n0 1 0\n";
  expect_ply_refused(
      ply("ascii", kPlyTriangle, places + "3 0 1 3\n"), "line 14", "vertex in [0, 3), found 3");
  expect_ply_refused(ply("ascii", kPlyTriangle, places + "3 0 1 -1\n"), "line 14", "found -1");
  expect_ply_refused(
      ply("ascii", kPlyTriangle, places + "-3 0 1 2\n"), "line 14", "a list length >= 0");
  expect_ply_refused(
      ply("ascii", kPlyTriangle, places + "3 0 1 2 red\n"), "line 14", "found 'red'");
  Bytes bytes(false);
  for (int i = 0; i < 5; ++i) bytes.add(1.0F);
  bytes.add(std::numeric_limits<float>::infinity());
  expect_ply_refused(
      ply("binary_little_endian", kTwo, bytes.text()), "byte ", "z that fit float32");
}

TEST(PlyFile, RefusesCountsThatTheFileCannotHoldBeforeItAllocates) {
  for (const char* format : {"ascii", "binary_little_endian"}) {
    const std::string many = "element vertex 9000000000000000000\n" + kCoordinates;
    expect_ply_refused(ply(format, many, "1 2 3\n"), "", "9000000000000000000 rows of vertex");
    const std::string faces = "element face 4000000000\n" + kCorners + kTwo;
    expect_ply_refused(ply(format, faces, "1 2 3\n"), "", "4000000000 rows of face");
    const std::string others = "element other 4000000000\nproperty int a\n" + kTwo;
    expect_ply_refused(ply(format, others, "1 2 3\n"), "", "4000000000 rows of other");
  }
  Bytes bytes(false);
  bytes.add(std::uint32_t{4294967295U}).add(std::int32_t{0});
  for (int i = 0; i < 6; ++i) bytes.add(1.0F);
  const std::string faces = "element face 1\nproperty list uint int vertex_indices\n";
  expect_ply_refused(ply("binary_little_endian", faces + kTwo, bytes.text()), "byte ", "");
}

std::vector<std::string> good_files() {
  std::vector<std::string> files{ply("ascii", kPlyTriangle, "0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n")};
  for (const bool is_big : {false, true}) {
    Bytes bytes(is_big);
    for (int i = 0; i < 9; ++i) bytes.add(static_cast<float>(i));
    bytes.add(std::uint8_t{3});
    for (const std::int32_t corner : {0, 1, 2}) bytes.add(corner);
    files.push_back(ply(format_of(is_big), kPlyTriangle, bytes.text()));
  }
  return files;
}

TEST(PlyFile, RefusesAFileCutAnywhere) {
  for (const std::string& file : good_files()) {
    const bool is_text = file.back() == '\n';
    for (std::size_t length = 0; length + (is_text ? 1 : 0) < file.size(); ++length) {
      const auto content = parse_ply(file.substr(0, length), "a.ply");
      ASSERT_FALSE(content.ok()) << length;
      EXPECT_EQ(content.error().code(), Errc::kCorruptData);
    }
  }
}

// Whatever bytes are flipped, the answer is an error or a mesh whose indices hold.
TEST(PlyFile, SurvivesRandomDamage) {
  pipeline::CounterRng rng({7, 0, 0, 0}, pipeline::Purpose::kSynthetic);
  for (const std::string& file : good_files()) {
    for (int round = 0; round < 5000; ++round) {
      std::string bytes = file;
      for (int i = 0; i < 2; ++i) {
        const std::uint32_t at = rng.below(static_cast<std::uint32_t>(bytes.size()));
        bytes[at] = rng.below(2) == 0 ? "0123456789 \n\r#-.exyz"[rng.below(20)]
                                      : static_cast<char>(rng.below(256));
      }
      const auto content = parse_ply(bytes, "a.ply");
      if (!content.ok() || std::holds_alternative<at::Tensor>(content.value())) continue;
      const Mesh& mesh = std::get<Mesh>(content.value());
      for (const Triangle& triangle : mesh.triangles) {
        for (const std::int32_t i : triangle) {
          ASSERT_TRUE(i >= 0 && i < std::ssize(mesh.vertices)) << bytes;
        }
      }
    }
  }
}

TEST(PlyFile, ReadsFromAFileAndNamesOneThatIsNotThere) {
  const testing::TempDir folder;
  const auto path =
      testing::write_file(folder.path() / "a b.ply", ply("ascii", kTwo, "1 2 3\n4 5 6\n"));
  EXPECT_TRUE(read_ply(path).ok());
  const auto absent = read_ply(folder.path() / "absent.ply");
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code(), Errc::kNotFound);
}

}  // namespace
}  // namespace larkspur::readers
