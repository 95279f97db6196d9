// SPDX-License-Identifier: Apache-2.0
#include "readers/format/cloud_file.h"

#include <limits>
#include <string>
#include <vector>

#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "readers/file_kind.h"
#include "readers/format/npy_file.h"
#include "tests/readers/write_file.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using ::testing::HasSubstr;
using testing::write_file;

class ReadCloudFile : public ::testing::Test {
 protected:
  std::filesystem::path at(const std::string& name) const { return folder_.path() / name; }

  static void expect_refused(const std::filesystem::path& path, Errc code, const char* text) {
    const auto file = read_cloud_file(path);
    ASSERT_FALSE(file.ok());
    EXPECT_EQ(file.error().code(), code);
    EXPECT_THAT(file.error().what(), HasSubstr(path.string()));
    EXPECT_THAT(file.error().what(), HasSubstr(text));
  }

 private:
  testing::TempDir folder_;
};

TEST_F(ReadCloudFile, GivesTheSamePointsFromEveryFormat) {
  const at::Tensor expected = at::tensor({1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F}).reshape({2, 3});
  write_npy(at("a.npy"), expected);
  write_file(at("a.txt"), "1,2,3\n4,5,6\n");
  write_file(at("a.XYZ"), "1 2 3\n4 5 6\n");
  write_file(at("a.off"), "OFF\n2 0 0\n1 2 3\n4 5 6\n");
  write_file(at("a.ply"),
             "ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty float y\n"
             "property float z\nend_header\n1 2 3\n4 5 6\n");
  for (const char* name : {"a.npy", "a.txt", "a.XYZ", "a.off", "a.ply"}) {
    EXPECT_TRUE(is_cloud_file(at(name)));
    const CloudFile file = read_cloud_file(at(name)).value();
    ASSERT_TRUE(std::holds_alternative<at::Tensor>(file)) << name;
    EXPECT_TRUE(at::equal(std::get<at::Tensor>(file), expected)) << name;
  }
}

TEST_F(ReadCloudFile, GivesAMeshWhereThereAreTriangles) {
  write_file(at("a.off"), "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n");
  const CloudFile file = read_cloud_file(at("a.off")).value();
  EXPECT_EQ(std::get<Mesh>(file).triangles.size(), 1U);
}

TEST_F(ReadCloudFile, MovesFarMeshesAndTheirVerticesToTheOrigin) {
  const std::string corners = "3000000 0 0\n3000000.001 0 0\n3000000 0.001 0\n";
  const CloudFile mesh =
      read_cloud_file(write_file(at("m.off"), "OFF\n3 1 0\n" + corners + "3 0 1 2\n")).value();
  EXPECT_NEAR(std::get<Mesh>(mesh).vertices[1][0], 0.0005, 1e-9);
  const CloudFile points =
      read_cloud_file(write_file(at("p.off"), "OFF\n3 0 0\n" + corners)).value();
  EXPECT_NEAR(std::get<at::Tensor>(points)[1][0].item<float>(), 0.0005, 1e-9);
}

TEST_F(ReadCloudFile, KeepsTheDetailOfSurveysInFloat64) {
  std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }";
  header.resize(118, ' ');
  std::string bytes = std::string("\x93NUMPY\1\0\x76\0", 10) + header;
  const double values[] = {500000.001, 4500000.0, 300.0, 500000.003, 4500000.001, 300.0};
  bytes.append(reinterpret_cast<const char*>(values), sizeof values);
  const CloudFile file = read_cloud_file(write_file(at("survey.npy"), bytes)).value();
  const at::Tensor points = std::get<at::Tensor>(file);
  EXPECT_NEAR(points[1][0].item<float>() - points[0][0].item<float>(), 0.002, 1e-8);
  EXPECT_NEAR(points[0][1].item<float>(), -0.0005, 1e-8);
}

TEST_F(ReadCloudFile, RefusesAnArrayWhoseAxesChangedPlaces) {
  write_npy(at("three_by_n.npy"), at::zeros({3, 1024}));
  expect_refused(at("three_by_n.npy"), Errc::kCorruptData, "found [3, 1024]: transpose the array");
}

TEST_F(ReadCloudFile, KnowsPcdFilesInEveryBuild) {
  EXPECT_TRUE(is_cloud_file("a.PCD"));
  write_file(at("a.pcd"), "FIELDS x y z\nPOINTS 1\nDATA ascii\n1 2 3\n");
  const auto file = read_cloud_file(at("a.pcd"));
  if (!file.ok()) {
    expect_refused(at("a.pcd"), Errc::kUnsupported, "this build has no PCL");
    return;
  }
  EXPECT_EQ(std::get<at::Tensor>(file.value()).sizes(), (std::vector<std::int64_t>{1, 3}));
}

TEST_F(ReadCloudFile, RefusesArraysThatAreNoCloud) {
  write_npy(at("flat.npy"), at::zeros({6}));
  expect_refused(at("flat.npy"), Errc::kCorruptData, "found [6]");
  write_npy(at("thin.npy"), at::zeros({6, 2}));
  expect_refused(at("thin.npy"), Errc::kCorruptData, "found [6, 2]");
  write_npy(at("none.npy"), at::zeros({0, 3}));
  expect_refused(at("none.npy"), Errc::kCorruptData, "found [0, 3]");
  at::Tensor points = at::zeros({5, 3});
  points[4][1] = std::numeric_limits<float>::quiet_NaN();
  write_npy(at("nan.npy"), points);
  expect_refused(at("nan.npy"), Errc::kCorruptData, "point 4 holds nan");
}

TEST_F(ReadCloudFile, TellsANamedFileByItsBytesWhateverItsEnding) {
  for (const char* const name : {"cloud", "a.dat", "mesh.stl", "a.npy", "a.txt"}) {
    EXPECT_TRUE(read_cloud_file(write_file(at(name), "OFF\n1 0 0\n1 2 3\n")).ok()) << name;
  }
  EXPECT_TRUE(read_cloud_file(write_file(at("points.csv"), "1,2,3\n4,5,6\n")).ok());
}

TEST_F(ReadCloudFile, RefusesOtherKindsWithTheWayOut) {
  EXPECT_FALSE(is_cloud_file("a.stl"));
  const auto refuse = [&](const char* name, std::string_view bytes, const char* text) {
    expect_refused(write_file(at(name), bytes), Errc::kUnsupported, text);
  };
  refuse("a.gltf", "{}\n", "a glTF scene: save its mesh as .off or .ply");
  refuse("a.off", "solid x\nfacet normal 0 0 1\n", "an STL mesh: save it as .off or .ply");
  refuse("a.STL", std::string(90, '\1'), "an STL mesh");
  refuse("b.ply", "glTF....", "a GLB scene");
  refuse("a", "\x89HDF\r\n\x1a\n....", "an HDF5 pack of many clouds");
  refuse("a.npz", std::string_view("PK\3\4....", 8), "a ZIP archive: unpack it");
  refuse("a.mp4", "....", "a video by its ending");
  refuse("none", "chair\n", "expected a cloud: .off, .obj, .ply, .pcd, .npy, .txt, .xyz or .mat");
}

TEST_F(ReadCloudFile, PassesOnWhatTheFormatSays) {
  expect_refused(at("absent.off"), Errc::kNotFound, "No such file");
  expect_refused(write_file(at("zero.npy"), ""), Errc::kCorruptData, "zero bytes");
  expect_refused(write_file(at("half.off"), "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0"),
                 Errc::kCorruptData,
                 "line 6: expected a corner");
}

}  // namespace
}  // namespace larkspur::readers
