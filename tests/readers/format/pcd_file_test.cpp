// SPDX-License-Identifier: Apache-2.0
#include "readers/format/pcd_file.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/rng.h"
#include "tests/readers/write_file.h"
#include "tests/support/file_contents.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using ::testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Layout {
  std::string fields = "x y z";
  std::string size = "4 4 4";
  std::string type = "F F F";
  std::string count = "1 1 1";
  std::string width = "2";
  std::string height = "1";
  std::string points = "2";
};

std::string pcd(const Layout& of, const std::string& data, const std::string& body) {
  return "# .PCD v.7 - made by hand\nVERSION .7\nFIELDS " + of.fields + "\nSIZE " + of.size +
         "\nTYPE " + of.type + "\nCOUNT " + of.count + "\nWIDTH " + of.width + "\nHEIGHT " +
         of.height + "\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS " + of.points + "\nDATA " + data + "\n" +
         body;
}

// LZF that only has literals: a byte n < 32, then n + 1 bytes as they are.
std::string packed(const std::string& plain) {
  std::string lzf;
  for (std::size_t at = 0; at < plain.size(); at += 32) {
    const std::string run = plain.substr(at, 32);
    lzf += static_cast<char>(run.size() - 1);
    lzf += run;
  }
  const auto sizes = testing::bytes_of<std::uint32_t>(
      {static_cast<std::uint32_t>(lzf.size()), static_cast<std::uint32_t>(plain.size())});
  return sizes + lzf;
}

class PcdFile : public ::testing::Test {
 protected:
  void SetUp() override {
    if (parse_pcd("", "a.pcd").error().code() == Errc::kUnsupported) {
      GTEST_SKIP() << "a build without PCL";
    }
  }

  static void expect_points(const std::string& bytes, const std::vector<float>& expected) {
    const auto points = parse_pcd(bytes, "a.pcd");
    ASSERT_TRUE(points.ok()) << points.error().what();
    EXPECT_EQ(points.value().size(1), points.value().numel() / points.value().size(0));
    EXPECT_TRUE(at::equal(points.value().reshape({-1}), at::tensor(expected))) << points.value();
  }

  static void expect_refused(const std::string& bytes, const std::string& text) {
    const auto points = parse_pcd(bytes, "a.pcd");
    ASSERT_FALSE(points.ok()) << text;
    EXPECT_EQ(points.error().code(), Errc::kCorruptData);
    EXPECT_THAT(points.error().what(), HasSubstr("a.pcd: "));
    EXPECT_THAT(points.error().what(), HasSubstr(text));
  }
};

const std::vector<float> kSix{1, 2, 3, 4, 5, 6.5F};
const std::string kText = "1 2 3\n4 5 6.5\n";

TEST_F(PcdFile, ReadsTheSamePointsFromEveryEncoding) {
  expect_points(pcd({}, "ascii", kText), kSix);
  expect_points(pcd({}, "binary", testing::bytes_of(kSix)), kSix);
  expect_points(
      pcd({}, "binary_compressed", packed(testing::bytes_of<float>({1, 4, 2, 5, 3, 6.5F}))), kSix);
}

TEST_F(PcdFile, ReadsOtherVersionsLineEndsAndHeadersWithoutWidth) {
  std::string text = pcd({}, "ascii", kText);
  text.replace(text.find("VERSION .7"), 10, "VERSION 0.7");
  std::string windows;
  for (const char c : text) windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  expect_points(windows, kSix);
  expect_points("COLUMNS x y z\nPOINTS 2\nDATA ascii\n" + kText, kSix);
}

TEST_F(PcdFile, StepsOverPaddingFieldsAndWhatLiesBehindTheData) {
  const Layout layout{"x y z _", "4 4 4 1", "F F F U", "1 1 1 4"};
  expect_points(pcd(layout, "ascii", "1 2 3 0 0 0 0\n4 5 6.5 7 7 7 7\n"), kSix);
  const std::string rows = testing::bytes_of<float>({1, 2, 3, 9, 4, 5, 6.5F, 9});
  expect_points(pcd(layout, "binary", rows + std::string(3922, '\0')), kSix);
  // PCL's writer leaves padding fields out of compressed data.
  const std::string columns = packed(testing::bytes_of<float>({1, 4, 2, 5, 3, 6.5F}));
  expect_points(pcd(layout, "binary_compressed", columns + std::string(3913, '\0')), kSix);
}

TEST_F(PcdFile, KeepsFinitePointsOfAnOrganisedCloud) {
  const Layout layout{.width = "2", .height = "2", .points = "4"};
  expect_points(pcd(layout, "ascii", "1 2 3\nnan nan nan\n4 5 6.5\n1 -NaN inf\n"), kSix);
  const std::vector<float> values{1, 2, 3, kNan, kNan, kNan, 4, 5, 6.5F, 0, kNan, 1};
  expect_points(pcd(layout, "binary", testing::bytes_of(values)), kSix);
  expect_refused(pcd({}, "ascii", "nan 1 1\n1 nan 1\n"), "none of 2 points is finite");
}

TEST_F(PcdFile, TakesNormalsAndNoOtherFields) {
  const Layout layout{"rgba normal_x normal_y normal_z label x y z",
                      "4 4 4 4 2 4 4 4",
                      "U F F F I F F F",
                      "1 1 1 1 1 1 1 1"};
  const auto points =
      parse_pcd(pcd(layout, "ascii", "9 0 0 1 7 1 2 3\n4294967295 nan 0 0 -7 4 5 6\n"), "a.pcd");
  const at::Tensor expected =
      at::tensor({1.F, 2.F, 3.F, 0.F, 0.F, 1.F, 4.F, 5.F, 6.F, 0.F, 0.F, 0.F});
  EXPECT_TRUE(at::equal(points.value(), expected.reshape({2, 6})));
}

TEST_F(PcdFile, KeepsDoublesUntilTheyAreNearTheOrigin) {
  const Layout layout{.size = "8 8 8"};
  const std::string body =
      testing::bytes_of<double>({513247.001, 5403655.002, 260, 513249.001, 5403655, 261});
  const at::Tensor points = parse_pcd(pcd(layout, "binary", body), "a.pcd").value();
  EXPECT_NEAR(points[0][0].item<float>(), -1.0F, 1e-6);
  EXPECT_NEAR((points[0][1] - points[1][1]).item<float>(), 0.002F, 1e-6);
}

TEST_F(PcdFile, RefusesWhatContradictsTheFormatNamingTheLine) {
  expect_refused("", "expected DATA, found 'the end of the file'");
  expect_refused("PLY\nDATA ascii\n", "line 1: expected");
  expect_refused(pcd({.fields = "x y w"}, "ascii", kText), "expected one field z");
  expect_refused(pcd({.fields = "x y z z"}, "ascii", kText), "expected 4 values as FIELDS has");
  expect_refused(pcd({.type = "F F Q"}, "ascii", kText), "line 5: expected F, I or U, found 'Q'");
  expect_refused(pcd({.size = "4 4 3"}, "ascii", kText), "line 4: expected 1, 2, 4 or 8");
  expect_refused(pcd({.count = "1 1 0"}, "ascii", kText), "line 6: expected a whole number");
  expect_refused(pcd({.width = "-2"}, "ascii", kText), "line 7: expected a whole number");
  expect_refused(pcd({.points = "3"}, "ascii", kText), "expected POINTS 2 x 1, found '3'");
  expect_refused(pcd({}, "zip", kText), "line 11: expected ascii, binary");
  expect_refused(pcd({}, "ascii", "1 2 3\n4 5\n"), "line 13: expected 3 numbers, found 2 words");
  expect_refused(pcd({}, "ascii", "1 2 3\n4 5 x\n"), "line 13: expected a number, found 'x'");
  expect_refused(pcd({}, "ascii", "1 2 3\n# 4 5\n"), "line 13: expected a number, found '#'");
  expect_refused(pcd({}, "ascii", kText + "7 8 9\n"), "line 14: expected the end of the file");
  expect_refused(pcd({}, "ascii", "1 2 3\n"), "expected 2 points, found 1");
}

TEST_F(PcdFile, CallsCoordinatesThatAreNoFloatsUnsupported) {
  const auto points = parse_pcd(pcd({.type = "I F F"}, "ascii", kText), "a.pcd");
  ASSERT_FALSE(points.ok());
  EXPECT_EQ(points.error().code(), Errc::kUnsupported);
}

TEST_F(PcdFile, RefusesPromisesBeforeAnythingIsAllocated) {
  const Layout many{.width = "100000000", .height = "1", .points = "100000000"};
  for (const char* data : {"ascii", "binary", "binary_compressed"}) {
    expect_refused(pcd(many, data, testing::bytes_of(kSix)), "");
  }
  // The right size is claimed, but 8 bytes of LZF cannot become it.
  const auto lie = testing::bytes_of<std::uint32_t>({8, 1200000000, 0, 0});
  expect_refused(pcd(many, "binary_compressed", lie), "promises 1200000000 bytes of points in 8");
  const Layout huge{.width = "2000000000", .height = "2000000000", .points = "2"};
  EXPECT_EQ(parse_pcd(pcd(huge, "binary", kText), "a.pcd").error().code(), Errc::kUnsupported);
}

TEST_F(PcdFile, RefusesAFileCutAnywhere) {
  const std::string text = pcd({}, "ascii", kText);
  const std::string binary = pcd({}, "binary", testing::bytes_of(kSix));
  const std::string compressed = pcd({}, "binary_compressed", packed(testing::bytes_of(kSix)));
  for (const std::string& bytes : {text, binary, compressed}) {
    // Text without its last digits is a good text: "6.5", "6.", "6".
    const std::size_t whole = bytes.size() - (bytes == text ? 4 : 0);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      const auto points = parse_pcd(bytes.substr(0, length), "a.pcd");
      if (length >= whole && points.ok()) continue;
      ASSERT_FALSE(points.ok()) << length;
      EXPECT_EQ(points.error().code(), Errc::kCorruptData);
    }
  }
}

// Whatever bytes are flipped: points or an error, and not a word from PCL.
TEST_F(PcdFile, SurvivesRandomDamageInSilence) {
  pipeline::CounterRng rng({6, 0, 0, 0}, pipeline::Purpose::kSynthetic);
  ::testing::internal::CaptureStderr();
  ::testing::internal::CaptureStdout();
  const Layout layout{"x y z _", "4 4 4 1", "F F F U", "1 1 1 4"};
  std::string lzf = packed(testing::bytes_of(kSix));
  lzf[8] = 0x21;  // a reference instead of a literal
  for (const std::string& good : {pcd(layout, "ascii", "1 2 3 0 0 0 0\n4 5 6 7 7 7 7\n"),
                                  pcd({}, "binary", testing::bytes_of(kSix)),
                                  pcd({}, "binary_compressed", packed(testing::bytes_of(kSix))),
                                  pcd({}, "binary_compressed", lzf)}) {
    for (int round = 0; round < 3000; ++round) {
      std::string bytes = good;
      for (std::uint32_t i = 0; i < 1 + rng.below(3); ++i) {
        const std::uint32_t at = rng.below(static_cast<std::uint32_t>(bytes.size()));
        bytes[at] = rng.below(2) == 0 ? "0123456789 \n\r#-.exyzFIU_"[rng.below(24)]
                                      : static_cast<char>(rng.below(256));
      }
      const auto points = parse_pcd(bytes, "a.pcd");
      EXPECT_TRUE(!points.ok() || points.value().size(0) >= 1);
    }
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
}

TEST_F(PcdFile, ReadsFromAFileAndNamesOneThatIsNotThere) {
  const testing::TempDir folder;
  const auto path = testing::write_file(folder.path() / "a b.pcd", pcd({}, "ascii", kText));
  EXPECT_EQ(read_pcd(path).value().size(0), 2);
  const auto absent = read_pcd(folder.path() / "absent.pcd");
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code(), Errc::kNotFound);
  EXPECT_THAT(absent.error().what(), HasSubstr("absent.pcd"));
}

}  // namespace
}  // namespace larkspur::readers
