// SPDX-License-Identifier: Apache-2.0
#include "readers/video/video_stream.h"

#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/readers/write_file.h"
#include "tests/support/file_contents.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"
#include "tests/support/video_maker.h"

namespace larkspur::readers {
namespace {

using ::testing::HasSubstr;
using testing::refusal_of;
using Numbers = std::vector<std::int64_t>;

/// Bytes that come by standard input, in pieces, while it lives.
class Piped {
 public:
  explicit Piped(std::string bytes) : bytes_(std::move(bytes)), former_(::dup(STDIN_FILENO)) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) ADD_FAILURE() << "no pipe";
    ::dup2(ends[0], STDIN_FILENO);
    ::close(ends[0]);
    writer_ = std::thread([this, end = ends[1]] {
      constexpr std::size_t kPiece = 1000;
      for (std::size_t at = 0; at < bytes_.size(); at += kPiece) {
        const std::size_t size = std::min(kPiece, bytes_.size() - at);
        if (::write(end, bytes_.data() + at, size) < 0) break;
      }
      ::close(end);
    });
  }
  ~Piped() {
    ::dup2(former_, STDIN_FILENO);  // closes the end that is read: a writer that waits gives up
    ::close(former_);
    writer_.join();
  }
  Piped(const Piped&) = delete;
  Piped& operator=(const Piped&) = delete;
  Piped(Piped&&) = delete;
  Piped& operator=(Piped&&) = delete;

 private:
  std::string bytes_;
  int former_;
  std::thread writer_;
};

class VideoStreamTest : public ::testing::Test {
 protected:
  void SetUp() override { ::signal(SIGPIPE, SIG_IGN); }

  std::string make(const std::string& name, const testing::VideoPlan& plan = {}) const {
    testing::make_video(folder_.path() / name, plan);
    return (folder_.path() / name).string();
  }

  testing::TempDir folder_;
};

/// What the frames show of themselves.
Numbers shown_by(VideoStream& stream) {
  Numbers seen;
  while (const auto frame = stream.next()) {
    EXPECT_EQ(frame->number, std::ssize(seen));
    seen.push_back(testing::shown_number(frame->picture));
  }
  return seen;
}

Numbers up_to(std::int64_t count) {
  Numbers numbers;
  for (std::int64_t i = 0; i < count; ++i) numbers.push_back(i);
  return numbers;
}

TEST_F(VideoStreamTest, GivesEveryFrameInOrderWithItsTime) {
  const auto stream = VideoStream::open(make("a.mkv"));
  EXPECT_NEAR(stream->frames_per_second(), 25, 0.1);
  std::int64_t count = 0;
  while (const auto frame = stream->next()) {
    ASSERT_TRUE(frame->seconds);
    EXPECT_NEAR(*frame->seconds, 0.04 * static_cast<double>(count), 1e-6);
    EXPECT_EQ(testing::shown_number(frame->picture), count);
    ++count;
  }
  EXPECT_EQ(count, 24);
  stream->require_whole();
}

TEST_F(VideoStreamTest, ReadsStandardInputFromFrontToEnd) {
  for (const char* const name : {"a.mkv", "a.ts", "a.avi", "fragmented.mp4"}) {
    testing::VideoPlan plan;
    if (name == std::string("fragmented.mp4"))
      plan.container = "movflags=+frag_keyframe+empty_moov";
    if (name == std::string("a.avi")) plan.b_frames = 0;
    const Piped input(testing::contents_of(make(name, plan)));
    const auto stream = VideoStream::open("-");
    EXPECT_EQ(stream->name(), "standard input");
    EXPECT_EQ(shown_by(*stream), up_to(24)) << name;
    stream->require_whole();
  }
}

TEST_F(VideoStreamTest, SaysThatAStreamIsCutBehindItsFrames) {
  for (const char* const name : {"a.ts", "a.flv"}) {
    testing::VideoPlan plan;
    plan.frames = 60;
    plan.b_frames = 0;
    plan.is_textured = true;
    std::string bytes = testing::contents_of(make(name, plan));
    bytes.resize(bytes.size() * 6 / 10);
    const Piped input(bytes);
    const auto stream = VideoStream::open("-");
    std::int64_t seen = 0;
    while (stream->next()) ++seen;
    EXPECT_GT(seen, 10) << name;
    const auto refusal = refusal_of([&] { stream->require_whole(); });
    EXPECT_EQ(refusal.code, "corrupt data") << name;
    EXPECT_THAT(
        refusal.text,
        HasSubstr("standard input: damaged or cut: of " + std::to_string(seen) + " frames"));
  }
}

// A pipe that ends is all that a reader of these containers sees.
TEST_F(VideoStreamTest, GivesTheFramesThatAreThereOfAContainerThatDoesNotSayWhereItEnds) {
  testing::VideoPlan plan;
  plan.frames = 60;
  plan.b_frames = 0;
  std::string bytes = testing::contents_of(make("a.mkv", plan));
  bytes.resize(bytes.size() * 6 / 10);
  const Piped input(bytes);
  const auto stream = VideoStream::open("-");
  const Numbers seen = shown_by(*stream);
  ASSERT_GT(seen.size(), 10U);
  ASSERT_LT(seen.size(), 60U);
  EXPECT_EQ(seen, up_to(std::ssize(seen)));
}

TEST_F(VideoStreamTest, SaysThatPacketsWereDamaged) {
  testing::VideoPlan plan;
  plan.codec = "mpeg2video";
  plan.frames = 60;
  plan.is_textured = true;
  std::string bytes = testing::contents_of(make("a.mkv", plan));
  for (std::size_t i = bytes.size() / 2; i < bytes.size() / 2 + 4000; ++i) bytes[i] ^= 0x5a;
  const Piped input(bytes);
  const auto stream = VideoStream::open("-");
  while (stream->next()) {
  }
  const auto refusal = refusal_of([&] { stream->require_whole(); });
  EXPECT_EQ(refusal.code, "corrupt data");
  EXPECT_THAT(refusal.text, HasSubstr("standard input: "));
}

TEST_F(VideoStreamTest, RefusesWhatIsNoStreamByName) {
  {
    const Piped input("no video at all, but some words that go on for a while\n");
    EXPECT_THAT(refusal_of([] { VideoStream::open("-"); }).text, HasSubstr("standard input: "));
  }
  {  // a playlist would open other files
    const Piped input("ffconcat version 1.0\nfile '" + make("b.mkv") + "'\n");
    EXPECT_THAT(refusal_of([] { VideoStream::open("-"); }).text, HasSubstr("standard input: "));
  }
  const std::string absent = (folder_.path() / "absent.mkv").string();
  EXPECT_EQ(refusal_of([&] { VideoStream::open(absent); }).code, "not found");
  const auto refusal = refusal_of([] { VideoStream::open("camcorder:/dev/video0"); });
  EXPECT_EQ(refusal.code, "unsupported");
  EXPECT_THAT(refusal.text, HasSubstr("'camcorder' is no format and no protocol of this FFmpeg"));
}

TEST_F(VideoStreamTest, OpensAFormatByNameAndADeviceWhereTheirLibraryIs) {
  const auto named = VideoStream::open("matroska:" + make("a.bin.mkv"));
  EXPECT_EQ(shown_by(*named), up_to(24));
  try {
    const auto device = VideoStream::open("lavfi:testsrc2=size=64x48:rate=10:duration=1");
    EXPECT_EQ(shown_by(*device).size(), 10U);
    EXPECT_DOUBLE_EQ(device->frames_per_second(), 10);
  } catch (const pipeline::Error& error) {
    EXPECT_EQ(error.code(), pipeline::Errc::kUnsupported);
    GTEST_SKIP() << error.what();
  }
}

}  // namespace
}  // namespace larkspur::readers
