// SPDX-License-Identifier: Apache-2.0
// Real PCD, PLY and OFF files of many kinds against what an independent reader found in them.
#include <cmath>
#include <fstream>
#include <string>
#include <variant>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "readers/format/cloud_file.h"
#include "readers/format/pcd_file.h"
#include "tests/readers/write_file.h"

namespace larkspur::readers {
namespace {

using nlohmann::json;

bool has_pcl() { return parse_pcd("", "").error().code() != pipeline::Errc::kUnsupported; }

// Box and mean, of coordinates that may have been moved: all relative to the lowest corner.
void expect_box(const at::Tensor& points, const json& expected) {
  const auto at = points.accessor<float, 2>();
  const bool is_far = std::abs(expected.at("bbox_max").at(1).get<double>()) > 1e6;
  for (int k = 0; k < 3; ++k) {
    double low = at[0][k];
    double high = low;
    double sum = 0.0;
    for (std::int64_t i = 0; i < at.size(0); ++i) {
      low = std::min<double>(low, at[i][k]);
      high = std::max<double>(high, at[i][k]);
      sum += at[i][k];
    }
    const auto facts = [&](const char* key) { return expected.at(key).at(k).get<double>(); };
    const double side = facts("bbox_max") - facts("bbox_min");
    const double tolerance = is_far ? 6e-3 : 1e-6 * std::max(1.0, std::abs(facts("bbox_max")));
    EXPECT_NEAR(high - low, side, tolerance) << k;  // the manifest has nine digits
    EXPECT_NEAR(
        sum / static_cast<double>(at.size(0)) - low, facts("mean") - facts("bbox_min"), tolerance)
        << k;
    EXPECT_NEAR(is_far ? facts("bbox_min") : low, facts("bbox_min"), tolerance) << k;
  }
}

std::int64_t rows_of(const json& expected, const std::string& element) {
  for (const json& one : expected.value("elements", json::array())) {
    if (one.at(0) == element) return one.at(1);
  }
  return 0;
}

TEST(PointcloudFiles, AgreeWithTheManifest) {
  const auto folder = testing::real_data("pointcloud_files");
  if (!folder) GTEST_SKIP() << "LARKSPUR_REAL_DATA names no folder of real data";
  const auto manifest = json::parse(std::ifstream(*folder / "MANIFEST.json"));
  int points_seen = 0;
  for (const json& expected : manifest) {
    const std::string name = expected.at("file");
    SCOPED_TRACE(name);
    if (name.starts_with("off/") || (name.starts_with("pcd/") && !has_pcl())) continue;
    const auto file = read_cloud_file(*folder / name);
    const std::int64_t points = expected.at("points_finite");
    if (points == 0) {
      ASSERT_FALSE(file.ok());
      EXPECT_THAT(file.error().what(), ::testing::HasSubstr("expected a vertex, found none"));
      continue;
    }
    ASSERT_TRUE(file.ok()) << file.error().what();
    const auto* const mesh = std::get_if<Mesh>(&file.value());
    EXPECT_EQ(mesh != nullptr ? mesh->polygons : 0, rows_of(expected, "face"));
    const at::Tensor rows =
        mesh != nullptr ? vertices_of(*mesh) : std::get<at::Tensor>(file.value());
    ASSERT_EQ(rows.size(0), points);
    expect_box(rows, expected);
    ++points_seen;
  }
  EXPECT_EQ(points_seen, has_pcl() ? 24 : 12);
}

// The surveyed cloud keeps its detail: neighbouring heights of 0.01 m stay apart.
TEST(PointcloudFiles, MoveASurveyToTheOrigin) {
  const auto folder = testing::real_data("pointcloud_files");
  if (!folder) GTEST_SKIP() << "LARKSPUR_REAL_DATA names no folder of real data";
  if (!has_pcl()) GTEST_SKIP() << "a build without PCL";
  const at::Tensor points = read_pcd(*folder / "pcd/samp41-utm.pcd").value();
  const auto at = points.accessor<float, 2>();
  float largest = 0.0F;
  for (std::int64_t i = 0; i < at.size(0); ++i) {
    for (int k = 0; k < 3; ++k) largest = std::max(largest, std::abs(at[i][k]));
  }
  EXPECT_NEAR(largest, (513414.844 - 513247.656) / 2, 0.01);
}

}  // namespace
}  // namespace larkspur::readers
