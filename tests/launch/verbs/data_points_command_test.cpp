// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "launch/verbs/commands.h"
#include "readers/format/npy_file.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

class DataPointsCommand : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(dir_.path() / name) << text;
    return (dir_.path() / name).string();
  }

  at::Tensor points(const std::string& file, const std::vector<std::string>& more = {}) const {
    const std::string output = (dir_.path() / "out.npy").string();
    std::vector<std::string> arguments{"points", file, "--output", output};
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::ostringstream out;
    Invocation call{"larkspur data", arguments, out};
    run_data(call);
    return readers::read_npy(output).value();
  }

  testing::TempDir dir_;
};

TEST_F(DataPointsCommand, WritesVerticesOrPlacesOnTheSurface) {
  const std::string mesh = write("a.off", "OFF\n4 1 0\n0 0 1\n2 0 1\n0 2 1\n9 9 9\n3 0 1 2\n");
  EXPECT_EQ(points(mesh).sizes(), (std::vector<std::int64_t>{4, 3}));
  const at::Tensor drawn = points(mesh, {"--points", "50"});
  EXPECT_EQ(drawn.sizes(), (std::vector<std::int64_t>{50, 3}));
  EXPECT_TRUE(drawn.select(1, 2).eq(1).all().item<bool>());
  EXPECT_TRUE(drawn.narrow(1, 0, 2).sum(1).le(2).all().item<bool>());
  EXPECT_TRUE(at::equal(drawn, points(mesh, {"--points", "50"})));
  EXPECT_FALSE(at::equal(drawn, points(mesh, {"--points", "50", "--seed", "2"})));
}

TEST_F(DataPointsCommand, WritesThreeOrSixColumnsOfACloud) {
  const std::string normals = write("a.xyz", "1 2 3 0 0 1 9\n4 5 6 1 0 0 9\n");
  EXPECT_TRUE(at::equal(
      points(normals),
      at::tensor({1.F, 2.F, 3.F, 0.F, 0.F, 1.F, 4.F, 5.F, 6.F, 1.F, 0.F, 0.F}).reshape({2, 6})));
  EXPECT_EQ(points(normals, {"--points", "1"}).sizes(), (std::vector<std::int64_t>{1, 6}));
  EXPECT_EQ(points(write("b.txt", "1 2 3 7\n")).sizes(), (std::vector<std::int64_t>{1, 3}));
}

TEST_F(DataPointsCommand, PassesOnWhatIsWrong) {
  EXPECT_EQ(testing::refusal_of([&] { points((dir_.path() / "no.ply").string()); }).code,
            "not found");
  EXPECT_EQ(testing::refusal_of([&] { points(write("a.ply", "ply\n")); }).code, "corrupt data");
  EXPECT_EQ(testing::refusal_of([&] {
              points("a.ply", {"--points", "-1"});
            }).text,
            "--points is -1, not in [0, 100000000]");
  EXPECT_EQ(testing::refusal_of([&] {
              points("a.ply", {"--points", "100000000000"});
            }).text,
            "--points is 100000000000, not in [0, 100000000]");
}

}  // namespace
}  // namespace larkspur::launch
