// SPDX-License-Identifier: Apache-2.0
#include "readers/format/off_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "pipeline/rng.h"
#include "tests/readers/write_file.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kOffTriangle = "OFF\n3 1 0\n0 0 0\n1 0 0.5\n0 -1e1 0\n3 0 1 2\n";

void expect_triangle(const std::string& text) {
  const auto mesh = parse_off(text, "t.off");
  ASSERT_TRUE(mesh.ok()) << mesh.error().what();
  EXPECT_THAT(mesh.value().vertices,
              ElementsAre(Vertex{0, 0, 0}, Vertex{1, 0, 0.5}, Vertex{0, -10, 0}));
  EXPECT_THAT(mesh.value().triangles, ElementsAre(Triangle{0, 1, 2}));
}

void expect_off_refused(const std::string& text,
                        const std::string& where,
                        const std::string& what) {
  const auto mesh = parse_off(text, "t.off");
  ASSERT_FALSE(mesh.ok()) << text;
  EXPECT_EQ(mesh.error().code(), Errc::kCorruptData);
  EXPECT_THAT(mesh.error().what(), AllOf(HasSubstr("t.off: " + where), HasSubstr(what))) << text;
}

TEST(OffFile, ReadsAPlainFile) { expect_triangle(std::string(kOffTriangle)); }

TEST(OffFile, ReadsAHeaderGluedToTheCounts) {
  expect_triangle("OFF3 1 0\n0 0 0\n1 0 0.5\n0 -10 0\n3 0 1 2\n");
}

TEST(OffFile, ReadsCountsOnTheHeadersLineAndWithoutEdges) {
  expect_triangle("OFF 3 1\n0 0 0\n1 0 0.5\n0 -10 0\n3 0 1 2");
}

TEST(OffFile, ReadsWindowsAndOldMacLines) {
  for (const std::string eol : {"\r\n", "\r"}) {
    std::string text;
    for (const char c : kOffTriangle) text += c == '\n' ? eol : std::string(1, c);
    expect_triangle(text);
  }
}

TEST(OffFile, ReadsAByteOrderMarkAndBlanksBeforeTheHeader) {
  expect_triangle("\xEF\xBB\xBF \t" + std::string(kOffTriangle));
}

TEST(OffFile, ReadsCommentsAnywhere) {
  expect_triangle(
      "# by hand\n\n OFF # shape\n# counts\n3 1 0 # three\n\n0 0 0 # a\n#\n1 0 0.5\n0 -10 0\n"
      "3 0 1 2 # face\n# end");
}

TEST(OffFile, IgnoresColoursAndNormals) {
  expect_triangle("COFF\n3 1 0\n0 0 0 255 0 0 1\n1 0 0.5 1 1 1\n0 -10 0\n3 0 1 2 0.5 0.5 0.5 1\n");
  expect_triangle("NOFF\n3 1 0\n0 0 0 0 0 1\n1 0 0.5 0 0 1\n0 -10 0 0 0 1\n3 0 1 2\n");
}

TEST(OffFile, MakesFansOfPolygonsAndLeavesOutThoseWithoutSurface) {
  const std::string corners = "OFF\n5 3 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n9 9 9\n";
  const auto mesh = parse_off(corners + "5 0 1 2 3 4 0.1 0.2\n2 0 1\n1 3\n", "t.off");
  EXPECT_THAT(mesh.value().triangles,
              ElementsAre(Triangle{0, 1, 2}, Triangle{0, 2, 3}, Triangle{0, 3, 4}));
}

TEST(OffFile, AcceptsVerticesWithoutPolygons) {
  const auto mesh = parse_off("OFF\n2 0 0\n1 2 3\n4 5 6\n", "t.off");
  EXPECT_EQ(mesh.value().vertices.size(), 2U);
  EXPECT_TRUE(mesh.value().triangles.empty());
}

TEST(OffFile, RefusesWhatContradictsTheFormatNamingLineAndFinding) {
  expect_off_refused("PLY\n3 1 0\n", "line 1", "expected OFF, found 'PLY'");
  expect_off_refused("", "line 1", "the end of the file");
  expect_off_refused("OFF\n0 0 0\n", "line 2", "vertices > 0");
  expect_off_refused("OFF\n3 -1 0\n0 0 0\n", "line 2", "polygons >= 0, found -1");
  expect_off_refused("OFF\n3 1 0 7\n", "line 2", "end of the line after the counts, found '7'");
  expect_off_refused("OFF\n1 0 0\n0 0 nan\n", "line 3", "a coordinate of a vertex, found 'nan'");
  expect_off_refused("OFF\n1 0 0\n0 -inf 0\n", "line 3", "'-inf'");
  expect_off_refused("OFF\n1 0 0\n0 1e39 0\n", "line 3", "fits float32");
  expect_off_refused("OFF\n1 0 0\n0 0\n0\n", "line 3", "found the end of the line");
  expect_off_refused(
      "OFF\n1 0 0\n0 0 0 1\n", "line 3", "end of the line after a vertex, found '1'");
  expect_off_refused("OFF\n2 0 0\nend_header\n0 0 0\n1 1 1\n", "line 3", "found 'end_header'");
  expect_off_refused("OFF\n1 1 0\n0 0 0\n3 0 0 1\n", "line 4", "a corner in [0, 1), found 1");
  expect_off_refused("OFF\n1 1 0\n0 0 0\n3 0 0 -1\n", "line 4", "found -1");
  expect_off_refused("OFF\n1 1 0\n0 0 0\n0 0 0 0\n", "line 4", "number of corners > 0");
  expect_off_refused("OFF\n1 1 0\n0 0 0\n3 0 0\n", "line 4", "a corner of a polygon");
  expect_off_refused("OFF\n1 1 0\n0 0 0\n3 0 0 0 red\n", "line 4", "a colour");
  expect_off_refused("OFF\n1 1 0\n0 0 0\n1 0\n1 0\n", "line 5", "end of the file after 1 polygons");
}

TEST(OffFile, RefusesCountsThatTheFileCannotHoldBeforeItAllocates) {
  expect_off_refused("OFF\n2000000000 0 0\n0 0 0\n", "line 2", "promises 2000000000 vertices");
  expect_off_refused(
      "OFF\n1 999999999999999999 0\n0 0 0\n", "line 2", "999999999999999999 polygons");
  expect_off_refused("OFF\n1 3 0\n0 0 0\n1 0\n", "line 2", "the 11 bytes that follow");
}

// Each a square of two triangles, as other programs write it.
TEST(OffFile, ReadsWhatOtherProgramsWrite) {
  const std::string counts = "4 2 0\n";
  const std::string faces = "3 0 1 2\n3 0 2 3\n";
  const auto square = [&](const std::string& header, const std::string& behind) {
    std::string text = header + counts;
    for (const char* corner : {"0 0 0", "1 0 0", "1 1 0", "0 1 0"}) text += corner + behind + "\n";
    return text + faces;
  };
  for (const std::string& text : {square("4OFF\n", " 1"),
                                  square("", ""),
                                  square("NCOFF\n", " 0 0 1 0.5 0.5 0.5 1"),
                                  square("COFF\n", " 128 128 128 255"),
                                  square("OFF\n", " 0.5 0.5 0.5 1"),
                                  square("OFF\n", " 0 0 1  # a normal")}) {
    const auto mesh = parse_off(text, "t.off");
    ASSERT_TRUE(mesh.ok()) << text << mesh.error().what();
    EXPECT_THAT(mesh.value().vertices,
                ElementsAre(Vertex{0, 0, 0}, Vertex{1, 0, 0}, Vertex{1, 1, 0}, Vertex{0, 1, 0}));
    EXPECT_THAT(mesh.value().triangles, ElementsAre(Triangle{0, 1, 2}, Triangle{0, 2, 3}));
  }
  const Mesh halved = parse_off("4OFF\n1 0 0\n2 4 6 2\n", "t.off").value();
  EXPECT_THAT(halved.vertices, ElementsAre(Vertex{1, 2, 3}));
}

TEST(OffFile, RefusesVerticesThatAreNotAlike) {
  expect_off_refused("OFF\n2 0 0\n0 0 0 1\n1 0 0 1\n", "line 3", "the end of the line");
  expect_off_refused("OFF\n2 0 0\n0 0 0 1 1 1\n1 0 0\n", "line 4", "3 numbers behind a vertex");
  expect_off_refused("OFF\n2 0 0\n0 0 0\n1 0 0 1 1 1\n", "line 4", "the end of the line");
  expect_off_refused("4OFF\n1 0 0\n1 0 0 0\n", "line 3", "a fourth coordinate that is not 0");
}

TEST(OffFile, CallsBinaryAndOtherDimensionsUnsupported) {
  for (const char* text : {"OFF BINARY\n", "nOFF\n3\n1 0 0\n"}) {
    const auto mesh = parse_off(text, "t.off");
    ASSERT_FALSE(mesh.ok());
    EXPECT_EQ(mesh.error().code(), Errc::kUnsupported) << text;
  }
}

// Every prefix of a good file is refused, but for those that lack only blanks or digits at the end.
TEST(OffFile, RefusesAFileCutAnywhere) {
  const std::string text = "OFF\n4 2 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n3 0 1 2\n3 0 2 3\n";
  ASSERT_TRUE(parse_off(text.substr(0, text.size() - 1), "t.off").ok());
  for (std::size_t length = 0; length + 1 < text.size(); ++length) {
    const auto mesh = parse_off(text.substr(0, length), "t.off");
    ASSERT_FALSE(mesh.ok()) << length;
    EXPECT_EQ(mesh.error().code(), Errc::kCorruptData);
  }
}

// Whatever bytes are flipped, the answer is an error or a mesh whose indices hold.
TEST(OffFile, SurvivesRandomDamage) {
  pipeline::CounterRng rng({5, 0, 0, 0}, pipeline::Purpose::kSynthetic);
  for (int round = 0; round < 20000; ++round) {
    std::string text(kOffTriangle);
    for (int i = 0; i < 3; ++i) {
      const std::uint32_t at = rng.below(static_cast<std::uint32_t>(text.size()));
      text[at] = "0123456789 \n\r#-.eOFNC\xFF"[rng.below(22)];
    }
    const auto mesh = parse_off(text, "t.off");
    if (!mesh.ok()) continue;
    for (const Triangle& triangle : mesh.value().triangles) {
      for (const std::int32_t i : triangle) {
        ASSERT_TRUE(i >= 0 && i < std::ssize(mesh.value().vertices)) << text;
      }
    }
  }
}

TEST(OffFile, ReadsFromAFileAndNamesOneThatIsNotThere) {
  const testing::TempDir folder;
  const auto path = testing::write_file(folder.path() / "a b.off", kOffTriangle);
  EXPECT_EQ(read_off(path).value().vertices.size(), 3U);
  const auto absent = read_off(folder.path() / "absent.off");
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code(), Errc::kNotFound);
  EXPECT_THAT(absent.error().what(), HasSubstr((folder.path() / "absent.off").string()));
}

struct Facts {
  std::array<double, 3> low{1e300, 1e300, 1e300};
  std::array<double, 3> high{-1e300, -1e300, -1e300};
  double area = 0.0;
};

Facts facts_of(const Mesh& mesh) {
  Facts facts;
  for (const Vertex& vertex : mesh.vertices) {
    for (std::size_t k = 0; k < 3; ++k) {
      facts.low[k] = std::min(facts.low[k], vertex[k]);
      facts.high[k] = std::max(facts.high[k], vertex[k]);
    }
  }
  for (const Triangle& triangle : mesh.triangles) {  // Heron's formula
    std::array<double, 3> side;
    for (std::size_t k = 0; k < 3; ++k) {
      const Vertex& a = mesh.vertices[static_cast<std::size_t>(triangle[k])];
      const Vertex& b = mesh.vertices[static_cast<std::size_t>(triangle[(k + 1) % 3])];
      side[k] = std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
    }
    const double s = (side[0] + side[1] + side[2]) / 2;
    const double square = s * (s - side[0]) * (s - side[1]) * (s - side[2]);
    facts.area += std::sqrt(std::max(square, 0.0));
  }
  return facts;
}

TEST(OffFile, AgreesWithTheManifestOfRealMeshes) {
  const auto folder = testing::real_data("modelnet40_off");
  if (!folder) GTEST_SKIP() << "LARKSPUR_REAL_DATA names no folder of real data";
  const auto manifest = nlohmann::json::parse(std::ifstream(*folder / "MANIFEST.json"));
  ASSERT_GE(manifest.size(), 20U);
  for (const auto& expected : manifest) {
    SCOPED_TRACE(expected.at("file"));
    const auto mesh = read_off(*folder / expected.at("file").get<std::string>());
    ASSERT_TRUE(mesh.ok()) << mesh.error().what();
    EXPECT_EQ(mesh.value().vertices.size(), expected.at("vertices"));
    EXPECT_EQ(mesh.value().triangles.size(), expected.at("faces"));
    const Facts facts = facts_of(mesh.value());
    for (std::size_t k = 0; k < 3; ++k) {  // the manifest has six decimals
      EXPECT_NEAR(facts.low[k], expected.at("bbox_min").at(k).get<double>(), 5.1e-7);
      EXPECT_NEAR(facts.high[k], expected.at("bbox_max").at(k).get<double>(), 5.1e-7);
    }
    const double area = expected.at("surface_area");
    EXPECT_NEAR(facts.area, area, 1e-6 * std::max(area, 1.0));
  }
}

TEST(OffFile, RefusesTheRealMeshWithAStrayLine) {
  const auto folder = testing::real_data("modelnet40_off/malformed");
  if (!folder) GTEST_SKIP() << "LARKSPUR_REAL_DATA names no folder of real data";
  const auto mesh = read_off(*folder / "bathtub_0107_stray_end_header.off");
  ASSERT_FALSE(mesh.ok());
  EXPECT_EQ(mesh.error().code(), Errc::kCorruptData);
  EXPECT_THAT(mesh.error().what(),
              HasSubstr("line 3: expected a coordinate of a vertex, found "
                        "'end_header'"));
}

TEST(OffFile, ReadsRealFilesWithCommentsAndLeadingBlanks) {
  const auto folder = testing::real_data("pointcloud_files/off");
  if (!folder) GTEST_SKIP() << "LARKSPUR_REAL_DATA names no folder of real data";
  for (const char* name : {"comments.off", "whitespace.off"}) {
    const auto mesh = read_off(*folder / name);
    ASSERT_TRUE(mesh.ok()) << mesh.error().what();
    EXPECT_EQ(mesh.value().vertices.size(), 8U);
    EXPECT_EQ(mesh.value().triangles.size(), 12U);  // six faces of a cube, four corners each
  }
}

}  // namespace
}  // namespace larkspur::readers
