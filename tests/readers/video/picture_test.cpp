// SPDX-License-Identifier: Apache-2.0
// JPEG and PNG through the same way as videos: files of one frame.
#include <cmath>

#include <gtest/gtest.h>

#include "pipeline/plan/protocol.h"
#include "readers/video/clip_source.h"
#include "readers/video/png_file.h"
#include "tests/support/temp_dir.h"
#include "tests/support/video_maker.h"

namespace larkspur::readers {
namespace {

class ReadPicture : public ::testing::Test {
 protected:
  /// A JPEG whose cells show the number 5, as a packet of motion JPEG.
  std::filesystem::path jpeg(const std::string& name) const {
    testing::VideoPlan plan;
    plan.codec = "mjpeg";
    plan.frames = 6;
    plan.format = "yuvj420p";
    plan.b_frames = 0;
    plan.first_keyframe = 5;
    testing::make_video(at("all.mjpeg"), plan);
    std::filesystem::rename(at("all.mjpeg"), at(name));
    return at(name);
  }
  std::filesystem::path at(const std::string& name) const { return folder_.path() / name; }
  testing::TempDir folder_;
};

TEST_F(ReadPicture, AJpegIsAVideoOfOneFrameWhateverItsName) {
  for (const char* name : {"a.jpg", "b.JPEG", "picture-001.jpg", "no_ending"}) {
    const auto opened = VideoFile::open(jpeg(name));
    ASSERT_TRUE(opened.ok()) << name << ": " << opened.error().what();
    VideoFile& picture = *opened.value();
    EXPECT_EQ(picture.frames(), 1) << name;
    EXPECT_EQ(picture.width(), 80);
    EXPECT_EQ(picture.height(), 48);
    const std::int64_t first[] = {0};
    const auto read = picture.read(first, [](std::int64_t, const RgbFrame& frame) {
      EXPECT_EQ(testing::shown_number(frame), 5);
    });
    EXPECT_TRUE(read.ok());
  }
}

TEST_F(ReadPicture, APngKeepsItsLevels) {
  std::vector<std::uint8_t> levels(20 * 10);
  for (std::size_t i = 0; i < levels.size(); ++i) levels[i] = static_cast<std::uint8_t>(i);
  write_png(at("a.png"), 20, 10, levels);
  ClipSourceOptions options{.sampling = {1, 1, 10, false}, .product = ClipProduct::kImage};
  SampleList list;
  list.entries.push_back({"a.png", at("a.png"), 2});
  const ClipSource source(list, options);
  const auto sample = source.read({.sample = 0}).value();
  const at::Tensor& image = sample.inputs["image"];
  ASSERT_EQ(image.sizes(), (at::IntArrayRef{3, 10, 10}));
  for (std::int64_t y = 0; y < 10; ++y) {
    for (std::int64_t x = 0; x < 10; ++x) {
      const double red = (image[0][y][x].item<double>() * 0.229 + 0.485) * 255.0;
      EXPECT_NEAR(red, static_cast<double>(20 * y + x + 5), 1.01) << y << " " << x;
    }
  }
}

TEST_F(ReadPicture, ImageNetsProtocolCutsTheCentreOfTheResizedPicture) {
  const pipeline::ClipViews views =
      pipeline::sized(pipeline::find_protocol("imagenet").clips, 224, 0);
  const auto plan = pipeline::plan_clip_view(views, {1, 1}, {1, 500, 375, 0.0}, {});
  EXPECT_EQ(plan.frames, (std::vector<std::int64_t>{0}));
  EXPECT_EQ(plan.resized, (pipeline::FrameSize{341, 256}));
  // round(58.5) is 58, half to even, as torchvision's Python has it.
  EXPECT_EQ(plan.box, (pipeline::CropBox{58, 16, 224, 224}));
  EXPECT_THROW(ClipSource({}, {.product = ClipProduct::kImage}), pipeline::Error);
}

}  // namespace
}  // namespace larkspur::readers
