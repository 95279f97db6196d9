// SPDX-License-Identifier: Apache-2.0
// Against trimesh (tests/data/obj), and by hand where programs differ.
#include "readers/format/obj_file.h"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "readers/format/cloud_file.h"
#include "tests/readers/write_file.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

using nlohmann::json;
using pipeline::Errc;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const std::string kFourVertices = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 0\n";

Mesh obj_of(const std::string& text) {
  auto mesh = parse_obj(text, "a.obj");
  EXPECT_TRUE(mesh.ok()) << mesh.error().what();
  return mesh.ok() ? std::move(mesh).value() : Mesh{};
}

void refuse_obj(const std::string& text,
                const std::string& message,
                Errc code = Errc::kCorruptData) {
  const auto mesh = parse_obj(text, "a.obj");
  ASSERT_FALSE(mesh.ok()) << text;
  EXPECT_EQ(mesh.error().code(), code);
  EXPECT_THAT(mesh.error().what(), HasSubstr(message)) << text;
}

double area_of(const Mesh& mesh) {
  double twice = 0.0;
  for (const auto& [a, b, c] : mesh.triangles) {
    std::array<double, 3> u{};
    std::array<double, 3> v{};
    for (std::size_t i = 0; i < 3; ++i) {
      u[i] = mesh.vertices[static_cast<std::size_t>(b)][i] -
             mesh.vertices[static_cast<std::size_t>(a)][i];
      v[i] = mesh.vertices[static_cast<std::size_t>(c)][i] -
             mesh.vertices[static_cast<std::size_t>(a)][i];
    }
    twice +=
        std::hypot(u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]);
  }
  return twice / 2.0;
}

double volume_of(const Mesh& mesh) {
  double six_times = 0.0;
  for (const auto& [i, j, k] : mesh.triangles) {
    const Vertex& a = mesh.vertices[static_cast<std::size_t>(i)];
    const Vertex& b = mesh.vertices[static_cast<std::size_t>(j)];
    const Vertex& c = mesh.vertices[static_cast<std::size_t>(k)];
    six_times += a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) +
                 a[2] * (b[0] * c[1] - b[1] * c[0]);
  }
  return six_times / 6.0;
}

TEST(ObjFile, ReadsWhatTrimeshReads) {
  const char* const source = std::getenv("LARKSPUR_SOURCE");
  ASSERT_NE(source, nullptr);
  const std::filesystem::path folder = std::filesystem::path(source) / "tests/data/obj";
  for (const char* const name : {"back.obj", "cube.obj", "fan.obj"}) {
    const json expected = json::parse(std::ifstream(folder / "expected.json")).at(name);
    const auto mesh = read_obj(folder / name);
    ASSERT_TRUE(mesh.ok()) << mesh.error().what();
    EXPECT_THAT(mesh.value().triangles, SizeIs(expected.at("triangles").get<std::size_t>()));
    EXPECT_NEAR(area_of(mesh.value()), expected.at("area").get<double>(), 1e-9) << name;
    if (!expected.contains("volume")) continue;  // open
    EXPECT_NEAR(volume_of(mesh.value()), expected.at("volume").get<double>(), 1e-9) << name;
  }
}

TEST(ObjFile, CountsBackFromTheVertexReadLast) {
  const Mesh mesh = obj_of("v 0 0 0\nv 1 0 0\nv 0 1 0\nf -3 -2 -1\nv 1 1 0\nf -3/-1 -1/1 -2\n");
  EXPECT_THAT(mesh.triangles, ElementsAre(Triangle{0, 1, 2}, Triangle{1, 3, 2}));
  EXPECT_EQ(mesh.polygons, 2);
}

TEST(ObjFile, FansPolygonsOfCornersOfEveryForm) {
  const Mesh mesh =
      obj_of("f 1 2/1 4/1/2 3//2 # a comment\r\n\to x\n" + kFourVertices + "f 1/ 2// 3\n");
  EXPECT_THAT(mesh.triangles, ElementsAre(Triangle{0, 1, 3}, Triangle{0, 3, 2}, Triangle{0, 1, 2}));
}

TEST(ObjFile, IsACloudOfItsVerticesWithoutPolygons) {
  const testing::TempDir folder;
  const auto cloud = read_cloud_file(testing::write_file(folder.path() / "a.OBJ", kFourVertices));
  ASSERT_TRUE(cloud.ok()) << cloud.error().what();
  EXPECT_EQ(std::get<at::Tensor>(cloud.value()).size(0), 4);
}

TEST(ObjFile, RefusesBadLinesByTheirNumber) {
  refuse_obj("# nothing\n", "a.obj: line 2: expected a vertex, found the end of the file");
  refuse_obj("v 1 2\n", "line 1: expected 3, 4, 6 or 7 numbers of a vertex, found 2");
  refuse_obj("v 1 2 3 4 5\n", "line 1: expected 3, 4, 6 or 7 numbers of a vertex, found 5");
  refuse_obj("v 1 2 nan\n", "line 1: expected a coordinate of a vertex, found 'nan'");
  refuse_obj("v 1,5 2 3\n", "line 1: expected a coordinate of a vertex");
  refuse_obj("v 1 2 1e39\n", "line 1: expected a coordinate that fits float32");
  refuse_obj(kFourVertices + "f 1 2\n", "line 5: expected a third corner of a polygon");
  refuse_obj(kFourVertices + "\nf 1 2 5\nf 1 2 3\n",
             "line 6: expected a vertex in [1, 4], found 5");
  refuse_obj(kFourVertices + "f 1 2 99999999999\n", "line 5: expected a vertex in [1, 4]");
  for (const char* const corner : {"0", "-5", "1.5", "a", "1/0", "1/2/3/4", "1/x", "- 1", "1,"}) {
    refuse_obj(kFourVertices + "f 2 3 " + corner + "\n", "line 5: expected ");
  }
  refuse_obj("vertex 0 0 0\n", "line 1: expected v, f or another word of OBJ, found 'vertex'");
  refuse_obj("<!DOCTYPE html>\n", "line 1: expected v, f or another word of OBJ");
  refuse_obj(kFourVertices + "surf 0 1 0 1 1 2\n", "line 5: expected polygons", Errc::kUnsupported);
}

TEST(ObjFile, CutAnywhereGivesAMeshOrAnError) {
  const std::string whole = "mtllib a.mtl\n" + kFourVertices + "vn 0 0 1\nf 1//1 2//1 -1//1 3//1\n";
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto mesh = parse_obj(whole.substr(0, length), "a.obj");
    if (mesh.ok()) continue;
    EXPECT_THAT(mesh.error().what(), HasSubstr("a.obj: line "));
  }
}

}  // namespace
}  // namespace larkspur::readers
