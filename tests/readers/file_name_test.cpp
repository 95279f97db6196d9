// SPDX-License-Identifier: Apache-2.0
// In every build: one without FFmpeg still knows a video when it sees its name.
#include "readers/file_name.h"

#include <gtest/gtest.h>

namespace larkspur::readers {
namespace {

TEST(VideoFileName, ExtensionsCountInAnyCase) {
  for (const char* const name : {"a.mp4", "a.MKV", "b.c.webm", "x/y.Avi", "a.mov"}) {
    EXPECT_TRUE(is_video_file(name)) << name;
  }
  for (const char* const name : {"mp4", "a.mp4.txt", "a.npy", "a", ".mp4"}) {
    EXPECT_FALSE(is_video_file(name)) << name;
  }
}

}  // namespace
}  // namespace larkspur::readers
