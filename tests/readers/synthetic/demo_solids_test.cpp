// SPDX-License-Identifier: Apache-2.0
#include "readers/synthetic/demo_solids.h"

#include <cmath>
#include <numbers>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/readers/synthetic/mesh_checks.h"
#include "tests/support/refusal.h"

namespace larkspur::readers {
namespace {

using ::testing::IsEmpty;
using testing::open_edges;
using testing::refusal_of;
using testing::volume;

TEST(Turned, AHalfSquareBecomesACylinder) {
  const int segments = 360;
  const Mesh mesh = turned({{0, -1}, {2, -1}, {2, 1}, {0, 1}}, segments);
  EXPECT_EQ(mesh.vertices.size(), 2U + 2U * segments);
  EXPECT_EQ(mesh.triangles.size(), 4U * segments);
  EXPECT_THAT(open_edges(mesh), IsEmpty());
  EXPECT_NEAR(volume(mesh), 8.0 * std::numbers::pi, 0.002);
}

TEST(Turned, AClosedOutlineBecomesARing) {
  const Mesh mesh = turned({{2, -0.5}, {3, -0.5}, {3, 0.5}, {2, 0.5}}, 4);
  EXPECT_THAT(open_edges(mesh), IsEmpty());
  // Four-sided: the square over radius r covers 2 r^2.
  EXPECT_NEAR(volume(mesh), 2.0 * (9.0 - 4.0) * 1.0, 1e-12);
}

TEST(Turned, RefusesAProfileThatCrossesTheAxis) {
  EXPECT_EQ(refusal_of([] {
              turned({{0, -1}, {1, 0}, {1, 1}}, 8);
            }).text,
            "[turned] the profile begins at radius 0 and ends at 1");
  EXPECT_EQ(refusal_of([] {
              turned({{0, -1}, {0, 0}, {1, 1}, {0, 2}}, 8);
            }).text,
            "[turned] radius 0 inside the profile, not > 0");
  EXPECT_EQ(refusal_of([] {
              turned({{0, -1}, {1, 0}, {0, 1}}, 2);
            }).text,
            "[turned] 3 points and 2 segments, not at least 3 of each");
}

TEST(FilledCells, OneCellIsABoxWithEightCorners) {
  const Mesh mesh = filled_cells({{{0, 2}, {0, 3}, {-1, 4}}}, [](int, int, int) { return true; });
  EXPECT_EQ(mesh.vertices.size(), 8U);
  EXPECT_EQ(mesh.triangles.size(), 12U);
  EXPECT_THAT(open_edges(mesh), IsEmpty());
  EXPECT_DOUBLE_EQ(volume(mesh), 30.0);
}

TEST(FilledCells, AnLHasNoWallInside) {
  const std::vector<double> planes{0, 1, 3};
  const Mesh mesh =
      filled_cells({planes, {0, 1}, planes}, [](int x, int, int z) { return x == 0 || z == 0; });
  EXPECT_THAT(open_edges(mesh), IsEmpty());
  EXPECT_EQ(mesh.triangles.size(), 2U * (3 + 3 + 8));
  EXPECT_DOUBLE_EQ(volume(mesh), 5.0);
}

TEST(FilledCells, RefusesAnAxisWithoutExtent) {
  const auto all = [](int, int, int) { return true; };
  EXPECT_EQ(refusal_of([&] {
              filled_cells({{{0, 1}, {0}, {0, 1}}}, all);
            }).text,
            "[filled_cells] axis 1 has 1 planes, not at least 2");
}

TEST(PlanesBetween, AreAtEqualDistances) {
  EXPECT_EQ(planes_between(-1, 1, 4), (std::vector<double>{-1, -0.5, 0, 0.5, 1}));
}

TEST(OffText, HasItsCountsOnALineOfTheirOwnOrGluedOn) {
  Mesh mesh{{{0, 0, 0}, {1, 0, 0}, {0, 0.25, 0}}, {{0, 1, 2}}};
  EXPECT_EQ(off_text(mesh, OffHeader::kSeparate), "OFF\n3 1 0\n0 0 0\n1 0 0\n0 0.25 0\n3 0 1 2\n");
  append(mesh, mesh);
  EXPECT_EQ(off_text(mesh, OffHeader::kGlued),
            "OFF6 2 0\n0 0 0\n1 0 0\n0 0.25 0\n0 0 0\n1 0 0\n0 0.25 0\n3 0 1 2\n3 3 4 5\n");
}

}  // namespace
}  // namespace larkspur::readers
