// SPDX-License-Identifier: Apache-2.0
#include "readers/video/frame_converter.h"

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/poisoned_memory.h"
#include "tests/support/video_maker.h"

namespace larkspur::readers {
namespace {

using testing::draw_texture;
using testing::VideoPlan;

std::string pixels_of(const RgbFrame& frame) {
  std::string bytes;
  for (std::int64_t y = 0; y < frame.height; ++y) {
    bytes.append(reinterpret_cast<const char*>(frame.rgb) + y * frame.row_bytes,
                 static_cast<std::size_t>(3 * frame.width));
  }
  return bytes;
}

// Rows far longer than any group of pixels: nothing can be left out.
std::string scaled_with_room(const AVFrame& frame) {
  const int width = frame.width;
  const int height = frame.height;
  const int row_bytes = 3 * (width + 256);
  std::vector<std::uint8_t> rgb(static_cast<std::size_t>(row_bytes) * (height + 1));
  const auto format = static_cast<AVPixelFormat>(frame.format);
  const ScalerHandle scaler(sws_getContext(width,
                                           height,
                                           format,
                                           width,
                                           height,
                                           AV_PIX_FMT_RGB24,
                                           SWS_BICUBIC,
                                           nullptr,
                                           nullptr,
                                           nullptr));
  std::uint8_t* const planes[] = {rgb.data(), nullptr, nullptr, nullptr};
  const int strides[] = {row_bytes, 0, 0, 0};
  sws_scale(scaler.get(), frame.data, frame.linesize, 0, height, planes, strides);
  return pixels_of({rgb.data(), row_bytes, width, height});
}

std::string converted(const AVFrame& frame, Orientation orientation) {
  FrameConverter converter(frame.width, frame.height, orientation);
  return pixels_of(converter.convert(frame));
}

void expect_every_pixel_written(const VideoPlan& plan) {
  const std::string expected = scaled_with_room(*draw_texture(plan, 3));
  const Orientation on_its_side{true, false, true};
  std::string turned;
  for (const int poison : {0xA5, 0x5A}) {
    const testing::PoisonedMemory poisoned(poison);
    const FrameHandle frame = draw_texture(plan, 3);  // poison behind its rows too
    ASSERT_EQ(converted(*frame, {}), expected) << plan.format << " " << plan.width;
    const std::string again = converted(*frame, on_its_side);
    ASSERT_EQ(turned.empty() ? again : turned, again) << plan.format << " " << plan.width;
    turned = again;
  }
}

class FrameConverterTest : public ::testing::Test {
 protected:
  void SetUp() override { prepare_ffmpeg(); }
};

TEST_F(FrameConverterTest, EveryPixelIsWrittenWhateverTheWidth) {
  for (const char* const format : {"yuv420p", "yuv422p", "yuv444p", "yuvj420p", "gray", "gbrp"}) {
    for (const int height : {16, 7}) {
      for (int width = 1; width <= 256; ++width) {
        expect_every_pixel_written({.width = width, .height = height, .format = format});
      }
    }
  }
}

TEST_F(FrameConverterTest, EveryPixelIsWrittenAtCommonWidths) {
  for (const int width : {320,  340,  352,  360,  384,  400,  426,  434,  450,  454,  456,  468,
                          480,  512,  568,  576,  596,  640,  720,  768,  848,  852,  854,  960,
                          1020, 1024, 1044, 1080, 1280, 1364, 1366, 1428, 1440, 1600, 1620, 1920}) {
    for (const char* const format : {"yuv420p", "yuv422p", "yuv444p"}) {
      expect_every_pixel_written({.width = width, .height = 16, .format = format});
    }
  }
}

// Frames of another size than the first are scaled to it.
TEST_F(FrameConverterTest, EveryPixelIsWrittenWhereTheSizeChanges) {
  for (int width = 1; width <= 130; ++width) {
    std::string first;
    for (const int poison : {0xA5, 0x5A}) {
      const testing::PoisonedMemory poisoned(poison);
      const FrameHandle frame = draw_texture({.width = 2 * width + 1, .height = 9}, 0);
      FrameConverter converter(width, 7, {});
      const std::string pixels = pixels_of(converter.convert(*frame));
      ASSERT_EQ(first.empty() ? pixels : first, pixels) << width;
      first = pixels;
    }
  }
}

}  // namespace
}  // namespace larkspur::readers
