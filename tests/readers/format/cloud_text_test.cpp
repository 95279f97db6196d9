// SPDX-License-Identifier: Apache-2.0
#include "readers/format/cloud_text.h"

#include <string>

#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/readers/write_file.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using ::testing::HasSubstr;

void expect_text_refused(const std::string& text, const std::string& message) {
  const auto points = parse_cloud_text(text, "c.txt");
  ASSERT_FALSE(points.ok()) << text;
  EXPECT_EQ(points.error().code(), Errc::kCorruptData);
  EXPECT_THAT(points.error().what(), HasSubstr("c.txt: " + message));
}

TEST(CloudText, ReadsBlanksCommasAndSemicolonsAlike) {
  const at::Tensor expected = at::tensor({1.0F, -2.0F, 0.5F, 4.0F, 5.0F, 6.0F}).reshape({2, 3});
  for (const char* text : {"1 -2 0.5\n4 5 6\n",
                           "1,-2,0.5\r\n4,5,6",
                           "# x y z\n1; -2 ;0.5\n\n4\t5 6",
                           "//X Y Z\r\n1 -2 0.5 # first\r\n //\r\n4 5 6\r\n"}) {
    const auto points = parse_cloud_text(text, "c.txt");
    ASSERT_TRUE(points.ok()) << points.error().what();
    EXPECT_TRUE(at::equal(points.value(), expected)) << text;
  }
}

TEST(CloudText, KeepsTheColumnsThatTheFileAdds) {
  const auto points = parse_cloud_text("1,2,3,0,0,1\n4,5,6,1,0,0\n", "c.txt");
  EXPECT_EQ(points.value().sizes(), (std::vector<std::int64_t>{2, 6}));
  EXPECT_EQ(points.value()[1][3].item<float>(), 1.0F);
}

TEST(CloudText, RefusesCommasThatMayBeDecimalOnes) {
  const std::string way_out = "expected one separator between all numbers (a decimal comma?";
  expect_text_refused("0,123 0,456 0,789\n", "line 1: " + way_out);
  expect_text_refused("0,123;0,456;0,789\n", "line 1: " + way_out);
  expect_text_refused("1 2 3\n1,234.5 2,345.6 3,456.7\n", "line 2: " + way_out);
}

TEST(CloudText, HonoursTheAxesThatACommentNames) {
  for (const char* text : {"//Z X Y\n1 2 3\n4 5 6\n", "# z, x, y\n1,2,3\n4,5,6\n"}) {
    const at::Tensor points = parse_cloud_text(text, "c.txt").value();
    EXPECT_TRUE(at::equal(points, at::tensor({2.F, 3.F, 1.F, 5.F, 6.F, 4.F}).reshape({2, 3})));
  }
  const at::Tensor wide = parse_cloud_text("//R X Y Z\n9 1 2 3\n", "c.txt").value();
  EXPECT_TRUE(at::equal(wide, at::tensor({1.F, 2.F, 3.F, 9.F}).reshape({1, 4})));
  expect_text_refused("//R G B X Y Z\n1 2 3\n", "line 2: expected the columns");
}

TEST(CloudText, KeepsTheDetailOfSurveys) {
  const auto points =
      parse_cloud_text("513247.001 5403655.002 260\n513249.001 5403655.000 261\n", "c.xyz");
  EXPECT_NEAR(points.value()[0][0].item<float>(), -1.0F, 1e-6);
  EXPECT_NEAR(points.value()[0][1].item<float>(), 0.001F, 1e-6);
}

// Cut behind a number or within one, the text is a good one of fewer digits: then it is points.
TEST(CloudText, SurvivesAFileCutAnywhere) {
  const std::string text = "# a\n1 2 3 0 0 1\r\n4 5 6 1 0 0\r\n";
  for (std::size_t length = 0; length < text.size(); ++length) {
    const auto points = parse_cloud_text(text.substr(0, length), "c.xyz");
    EXPECT_TRUE(!points.ok() || points.value().size(1) >= 3) << length;
  }
  EXPECT_FALSE(parse_cloud_text(text.substr(0, text.size() - 4), "c.xyz").ok());
}

TEST(CloudText, RefusesWhatIsNotACloudNamingTheLine) {
  expect_text_refused("# nothing\n", "line 2: expected a point, found the end of the file");
  expect_text_refused("1 2\n", "line 1: expected x, y and z");
  expect_text_refused("1 2 3\n4 5\n", "line 2: expected x, y and z");
  expect_text_refused("1 2 3\n4 5 6 7\n", "line 2: expected 3 numbers as on the first line, not 4");
  expect_text_refused("1 2 3\n4 nan 6\n", "line 2: expected a number, found 'nan'");
  expect_text_refused("1 2 1e39\n", "line 1: expected a number");
  expect_text_refused("1,,2,3\n", "line 1: expected a number, found ',2,3'");
  expect_text_refused("x,y,z\n1,2,3\n", "line 1: expected a number, found 'x,y,z'");
}

TEST(CloudText, ReadsTheResampledModelNet) {
  const auto folder = testing::real_data("modelnet40_normal_resampled");
  if (!folder) GTEST_SKIP() << "LARKSPUR_REAL_DATA names no folder of real data";
  const at::Tensor points = read_cloud_text(*folder / "airplane/airplane_0627.txt").value();
  EXPECT_EQ(points.sizes(), (std::vector<std::int64_t>{10000, 6}));
  const at::Tensor lengths = points.narrow(1, 3, 3).norm(2, {1});
  EXPECT_NEAR(lengths.mean().item<float>(), 1.0F, 1e-3F);  // normals
}

}  // namespace
}  // namespace larkspur::readers
