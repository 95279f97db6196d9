// SPDX-License-Identifier: Apache-2.0
#include "readers/video/byte_source.h"

#include <string>
#include <vector>

#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "readers/video/video_file.h"
#include "tests/readers/write_file.h"
#include "tests/support/file_contents.h"
#include "tests/support/temp_dir.h"
#include "tests/support/video_maker.h"

namespace larkspur::readers {
namespace {

using BytesInMemory = std::shared_ptr<const std::string>;

// Counts what is read, and may refuse to go anywhere but to its start.
class WatchedSource final : public ByteSource {
 public:
  struct Log {
    std::int64_t bytes = 0;
    int seeks = 0;  // to other places than the start
    int starts = 0;
  };

  WatchedSource(BytesInMemory bytes, Log& log, bool can_seek = true)
      : source_(memory_source("a.mp4", std::move(bytes))), log_(log), can_seek_(can_seek) {}

  const std::string& name() const override { return source_->name(); }
  std::int64_t size() const override { return source_->size(); }
  std::size_t read(std::span<std::uint8_t> bytes) override {
    const std::size_t count = source_->read(bytes);
    log_.bytes += static_cast<std::int64_t>(count);
    return count;
  }
  bool seek(std::int64_t position) override {
    ++(position == 0 ? log_.starts : log_.seeks);
    return (can_seek_ || position == 0) && source_->seek(position);
  }

 private:
  std::unique_ptr<ByteSource> source_;
  Log& log_;
  bool can_seek_;
};

class ByteSourceTest : public ::testing::Test {
 protected:
  BytesInMemory make(const testing::VideoPlan& plan, const std::string& name = "a.mp4") const {
    testing::make_video(folder_.path() / name, plan);
    return std::make_shared<std::string>(testing::contents_of(folder_.path() / name));
  }

  static at::Tensor frames_of(VideoFile& video) {
    return read_frames(video, std::vector<std::int64_t>{17, 2, 9}).value();
  }

  testing::TempDir folder_;
};

TEST_F(ByteSourceTest, MemoryAndFilesGiveTheSameFrames) {
  for (const char* const name : {"a.mp4", "a.mkv", "a.avi", "a.ts", "a.h264"}) {
    const BytesInMemory bytes = make({}, name);
    const auto video = VideoFile::open(memory_source(name, bytes)).value();
    const auto file = VideoFile::open(folder_.path() / name).value();
    EXPECT_EQ(video->frames(), 24) << name;
    EXPECT_TRUE(at::equal(frames_of(*video), frames_of(*file))) << name;
  }
}

TEST_F(ByteSourceTest, ARecordSavesTheReadingOfAllPackets) {
  for (const bool has_order : {true, false}) {
    const BytesInMemory bytes = make(
        {.frames = 200, .width = 160, .height = 96, .is_moving = true, .has_order = has_order});
    WatchedSource::Log first;
    const auto video = VideoFile::open(std::make_unique<WatchedSource>(bytes, first)).value();
    const auto record = video->record();
    EXPECT_EQ(record->frames, video->frames());
    WatchedSource::Log second;
    const auto again =
        VideoFile::open(std::make_unique<WatchedSource>(bytes, second), record).value();
    EXPECT_LT(second.bytes, first.bytes);
    EXPECT_LT(second.bytes, std::ssize(*bytes) * 3 / 4);
    EXPECT_EQ(again->frames(), video->frames());
    EXPECT_EQ(again->frames_per_second(), video->frames_per_second());
    EXPECT_TRUE(at::equal(frames_of(*again), frames_of(*video))) << has_order;
  }
}

TEST_F(ByteSourceTest, ARecordOfOtherBytesIsRefusedOrGivesErrors) {
  const BytesInMemory bytes = make({});
  const BytesInMemory others = make({.codec = "mpeg4", .frames = 60, .keyframe_every = 5}, "b.mp4");
  const auto record = VideoFile::open(memory_source("b.mp4", others)).value()->record();
  const auto video = VideoFile::open(memory_source("a.mp4", bytes), record);
  ASSERT_TRUE(video.ok());
  const auto read = read_frames(*video.value(), std::vector<std::int64_t>{55});
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code(), pipeline::Errc::kCorruptData);
}

// Once it has failed it fails for good: no second try for every clip.
TEST_F(ByteSourceTest, SeekingThatFailedIsNotTriedAgain) {
  const BytesInMemory bytes = make({.container = "movflags=+faststart",
                                    .frames = 400,
                                    .width = 320,
                                    .height = 192,
                                    .is_moving = true});
  WatchedSource::Log log;
  const auto video =
      VideoFile::open(std::make_unique<WatchedSource>(bytes, log, /*can_seek=*/false)).value();
  const std::vector<std::int64_t> numbers{390};
  ASSERT_TRUE(read_frames(*video, numbers).ok());
  const int seeks = log.seeks;
  EXPECT_GT(seeks, 0);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(read_frames(*video, numbers).ok());
  EXPECT_EQ(log.seeks, seeks);
}

TEST_F(ByteSourceTest, WhatIsNoFileIsRefusedByKind) {
  const auto code_of = [](const std::filesystem::path& path) {
    try {
      file_source(path);
    } catch (const pipeline::Error& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr(path.string()));
      return error.code();
    }
    return pipeline::Errc::kCancelled;
  };
  EXPECT_EQ(code_of(folder_.path() / "absent"), pipeline::Errc::kNotFound);
  EXPECT_EQ(code_of(folder_.path()), pipeline::Errc::kIo);
  EXPECT_EQ(code_of(testing::write_file(folder_.path() / "empty", "")),
            pipeline::Errc::kCorruptData);
  EXPECT_THROW(memory_source("none", std::make_shared<std::string>()), pipeline::Error);
}

}  // namespace
}  // namespace larkspur::readers
