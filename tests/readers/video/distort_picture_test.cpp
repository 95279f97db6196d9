// SPDX-License-Identifier: Apache-2.0
#include "readers/video/distort_picture.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larkspur::readers {
namespace {

using pipeline::PictureChange;
using pipeline::PictureOp;

/// uint8 [3, 16, 18], as tests/data/make_distorted_pictures.py has it.
at::Tensor formula_picture() {
  const at::Tensor picture = at::empty({3, 16, 18}, at::kByte);
  auto* value = picture.data_ptr<std::uint8_t>();
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < 16; ++y) {
      for (int x = 0; x < 18; ++x) {
        const int whole = (37 * x + 59 * y + 101 * c + (x * y * (c + 3)) % 41) % 256;
        *value++ = static_cast<std::uint8_t>(whole / (1 + c % 2));
      }
    }
  }
  return picture;
}

PictureOp op_named(const std::string& name) {
  static const std::vector<std::string> names{"identity",
                                              "shear_x",
                                              "shear_y",
                                              "translate_x",
                                              "translate_y",
                                              "rotate",
                                              "brightness",
                                              "color",
                                              "contrast",
                                              "sharpness",
                                              "posterize",
                                              "solarize",
                                              "auto_contrast",
                                              "equalize"};
  const auto found = std::ranges::find(names, name);
  EXPECT_NE(found, names.end()) << name;
  return static_cast<PictureOp>(found - names.begin());
}

at::Tensor picture_of_digits(const std::string& digits) {
  const at::Tensor picture = at::empty({3, 16, 18}, at::kByte);
  EXPECT_EQ(digits.size(), 2U * 3 * 16 * 18);
  for (std::int64_t i = 0; i < picture.numel(); ++i) {
    const auto place = static_cast<std::size_t>(2 * i);
    picture.data_ptr<std::uint8_t>()[i] =
        static_cast<std::uint8_t>(std::stoi(digits.substr(place, 2), nullptr, 16));
  }
  return picture;
}

/// Of the same amounts: values by one at most where torch's float32 rounds otherwise, and of moved
/// pictures one pixel in two hundred, where two pixels are as near.
TEST(DistortPicture, EveryOperationGivesWhatTorchvisionGives) {
  const char* const source = std::getenv("LARKSPUR_SOURCE");
  ASSERT_NE(source, nullptr);
  std::ifstream file(std::string(source) + "/tests/data/distorted_pictures.txt");
  std::string line;
  std::set<PictureOp> seen;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string name;
    std::string digits;
    double amount = 0;
    words >> name >> amount >> digits;
    const PictureChange change{op_named(name), amount};
    const at::Tensor ours = changed_picture(formula_picture(), change);
    const at::Tensor apart = (ours.to(at::kInt) - picture_of_digits(digits).to(at::kInt)).abs();
    const bool moved = change.op <= PictureOp::kRotate;
    const at::Tensor wrong = apart.gt(moved ? 0 : 1);
    EXPECT_LE(wrong.sum().item<std::int64_t>(), moved ? apart.numel() / 200 : 0)
        << name << ' ' << amount;
    seen.insert(change.op);
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(pipeline::kRandAugmentOps) - 1);
}

TEST(DistortPicture, ChangesComeOneAfterTheOtherAndTheBoxLast) {
  const at::Tensor picture = formula_picture();
  const PictureChange first{PictureOp::kSolarize, 100};
  const PictureChange second{PictureOp::kTranslateX, 4};
  const at::Tensor distorted =
      distorted_picture(picture, {{first, second}, pipeline::CropBox{2, 3, 5, 4}});
  const at::Tensor changed = changed_picture(changed_picture(picture, first), second);
  const std::uint8_t mean[] = {124, 116, 104};
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < 16; ++y) {
      for (int x = 0; x < 18; ++x) {
        const bool erased = x >= 2 && x < 7 && y >= 3 && y < 7;
        ASSERT_EQ(distorted[c][y][x].item<std::uint8_t>(),
                  erased ? mean[c] : changed[c][y][x].item<std::uint8_t>())
            << c << ' ' << y << ' ' << x;
      }
    }
  }
}

TEST(DistortPicture, APictureThatIsNotItsOwnMemoryStaysAsItIs) {
  const at::Tensor frame = formula_picture();
  const at::Tensor before = frame.clone();
  const at::Tensor part = frame.narrow(1, 2, 8).narrow(2, 3, 8);
  EXPECT_TRUE(distorted_picture(part, {}).is_same(part));
  const at::Tensor erased = distorted_picture(part, {{}, pipeline::CropBox{0, 0, 8, 4}});
  EXPECT_EQ(erased[0][0][0].item<std::uint8_t>(), 124);
  EXPECT_TRUE(erased.narrow(1, 4, 4).equal(part.narrow(1, 4, 4)));
  EXPECT_TRUE(frame.equal(before));
}

}  // namespace
}  // namespace larkspur::readers
