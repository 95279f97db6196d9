// SPDX-License-Identifier: Apache-2.0
#include "launch/report/bitmap.h"

#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace larkspur::launch {
namespace {

TEST(Bitmap, Base64IsThatOfTheStandardsVectors) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe"), "//4=");
}

TEST(Bitmap, HasTheLowestRowFirstBlueFirstAndWholeWords) {
  // One column of two pixels: red above blue; too bright and NaN are held.
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor picture = at::tensor({1.5F, 0.0F, 0.0F, nan, 0.0F, 1.0F}).view({3, 2, 1});
  const std::string header = {'B', 'M', 62, 0,  0, 0, 0,  0,  0, 0, 54, 0, 0, 0, 40, 0, 0, 0,
                              1,   0,   0,  0,  2, 0, 0,  0,  1, 0, 24, 0, 0, 0, 0,  0, 8, 0,
                              0,   0,   19, 11, 0, 0, 19, 11, 0, 0, 0,  0, 0, 0, 0,  0, 0, 0};
  const std::string pixels = {'\xff', 0, 0, 0, 0, 0, '\xff', 0};
  EXPECT_EQ(bitmap_uri(picture), "data:image/bmp;base64," + base64(header + pixels));
}

}  // namespace
}  // namespace larkspur::launch
