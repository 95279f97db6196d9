// SPDX-License-Identifier: Apache-2.0
// Against what SciPy wrote (tests/data/mat), cut and damaged, and real volumes of 3DShapeNets.
#include "readers/format/mat_file.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "readers/file_bytes.h"
#include "readers/format/cloud_file.h"
#include "readers/list/folder_walk.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::filesystem::path mat_data() {
  const char* const source = std::getenv("LARKSPUR_SOURCE");
  return std::filesystem::path(source == nullptr ? "." : source) / "tests/data/mat";
}

std::string mat_bytes(const std::string& name) {
  return std::string(read_file(mat_data() / name).value().view());
}

void expect_no_volume(const std::string& bytes, Errc code, const std::string& what) {
  const auto volume = parse_mat(bytes, "v.mat");
  ASSERT_FALSE(volume.ok());
  EXPECT_EQ(volume.error().code(), code) << volume.error().what();
  EXPECT_THAT(volume.error().what(), AllOf(StartsWith("v.mat: "), HasSubstr(what)));
}

/// The header and one array, not compressed.
std::string mat_of(const std::vector<std::int32_t>& sizes, const std::string& values) {
  const auto element = [](std::uint32_t type, std::string content) {
    const auto size = static_cast<std::uint32_t>(content.size());
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &type, 4);
    std::memcpy(bytes.data() + 4, &size, 4);
    content.resize((content.size() + 7) / 8 * 8);
    return bytes + content;
  };
  std::string axes(4 * sizes.size(), '\0');
  std::memcpy(axes.data(), sizes.data(), axes.size());
  const std::string array = element(6, std::string("\x09\0\0\0\0\0\0\0", 8)) + element(5, axes) +
                            element(1, "v") + element(2, values);
  std::string header = "MATLAB 5.0 MAT-file";
  header.resize(124, ' ');
  return header + std::string("\0\x01IM", 4) + element(14, array);
}

TEST(MatFile, ReadsWhatSciPyWrites) {
  const auto expected = nlohmann::json::parse(std::ifstream(mat_data() / "expected.json"));
  for (const char* const name :
       {"int8.mat", "plain.mat", "double.mat", "logical.mat", "others.mat"}) {
    const auto read = parse_mat(mat_bytes(name), name);
    ASSERT_TRUE(read.ok()) << read.error().what();
    const Volume& volume = read.value();
    ASSERT_EQ(volume.cells.sizes(), (std::vector<std::int64_t>{3, 3, 3})) << name;
    EXPECT_EQ(volume.full, std::ssize(expected.at("full")));
    EXPECT_EQ(volume.cells.sum().item<std::int64_t>(), volume.full);
    for (const auto& xyz : expected.at("full")) {
      EXPECT_EQ(volume.cells[xyz[2].get<int>()][xyz[1].get<int>()][xyz[0].get<int>()].item<int>(),
                1)
          << name << xyz;
    }
  }
}

TEST(MatFile, RefusesWhatIsNoVolumeOfCells) {
  expect_no_volume(mat_bytes("points.mat"),
                   Errc::kUnsupported,
                   "but with 'points' of 4x3: save points as an .npy of [N, 3]");
  expect_no_volume(mat_bytes("two.mat"), Errc::kUnsupported, "several arrays of three axes");
  expect_no_volume(
      mat_bytes("flat.mat"), Errc::kUnsupported, "'instance' of 3x2x3, expected a cube");
  expect_no_volume(mat_bytes("values.mat"), Errc::kCorruptData, "is 3, expected 0 or 1");
  expect_no_volume(mat_bytes("empty.mat"), Errc::kCorruptData, "has no full cell");
  expect_no_volume(mat_bytes("complex.mat"), Errc::kUnsupported, "without a volume");
  std::string other = mat_bytes("int8.mat");
  other.replace(126, 2, "MI");
  expect_no_volume(other, Errc::kUnsupported, "big-endian");
  other.replace(126, 2, "??");
  expect_no_volume(other, Errc::kUnsupported, "save it with -v7");
}

TEST(MatFile, RefusesAFileCutAnywhereAndClaimsThatNothingBacks) {
  for (const char* const name : {"int8.mat", "plain.mat"}) {
    const std::string whole = mat_bytes(name);
    for (std::size_t size = 0; size < whole.size() - 8; ++size) {  // the last 8 may be padding
      EXPECT_FALSE(parse_mat(whole.substr(0, size), name).ok()) << name << size;
    }
  }
  std::string damaged = mat_bytes("int8.mat");
  damaged[170] = static_cast<char>(damaged[170] ^ 0x40);
  expect_no_volume(damaged, Errc::kCorruptData, "damaged compressed data");
  expect_no_volume(mat_of({256, 256, 256}, "ab"), Errc::kCorruptData, "with 2 values");
  expect_no_volume(mat_of({INT32_MAX, INT32_MAX, INT32_MAX}, "ab"), Errc::kUnsupported, "a cube");
  expect_no_volume(mat_of({-1, -1, -1}, ""), Errc::kUnsupported, "a cube");
  EXPECT_TRUE(parse_mat(mat_of({1, 1, 1}, "\x01"), "v.mat").ok());
}

TEST(MatFile, ReadsEveryVolumeOf3DShapeNets) {
  const char* const data = std::getenv("LARKSPUR_REAL_DATA");
  if (data == nullptr) GTEST_SKIP() << "LARKSPUR_REAL_DATA is not set";
  int count = 0;
  for (const auto& path :
       files_below(std::filesystem::path(data) / "modelnet_chair_volumes/chair/30/train")) {
    const auto read = read_cloud_file(path);
    ASSERT_TRUE(read.ok()) << read.error().what();
    const auto& volume = std::get<Volume>(read.value());
    EXPECT_EQ(volume.side(), 30);
    EXPECT_GT(volume.full, 100);
    // Chairs stand: with z up, the seat is the fullest layer and lies between legs and back.
    const std::int64_t seat = volume.cells.sum({1, 2}).argmax().item<std::int64_t>();
    EXPECT_TRUE(seat > 3 && seat < 27) << path << seat;
    ++count;
  }
  EXPECT_EQ(count, 240);
}

}  // namespace
}  // namespace larkspur::readers
