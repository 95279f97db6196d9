// SPDX-License-Identifier: Apache-2.0
// A frame is the same whatever was read before it: files of every make, frames alone, in any order
// and after any other, against a straight decoding by FFmpeg's own calls.
#include <algorithm>
#include <numeric>
#include <ostream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pipeline/storage/crc32c.h"
#include "readers/video/frame_converter.h"
#include "readers/video/video_file.h"
#include "tests/support/temp_dir.h"
#include "tests/support/video_maker.h"

namespace larkspur::readers {
namespace {

using Sums = std::vector<std::uint32_t>;

struct MadeFile {
  std::string name;
  testing::VideoPlan plan;
};

void PrintTo(const MadeFile& file, std::ostream* out) { *out << file.name; }

std::uint32_t sum_of(const RgbFrame& frame) {
  std::string bytes;
  for (std::int64_t y = 0; y < frame.height; ++y) {
    bytes.append(reinterpret_cast<const char*>(frame.rgb) + y * frame.row_bytes,
                 static_cast<std::size_t>(3 * frame.width));
  }
  return pipeline::crc32c(bytes.data(), bytes.size());
}

// What comes out of the decoder from the first packet to the last, as it comes.
Sums straight_decoding(const std::filesystem::path& path) {
  AVFormatContext* opened = nullptr;
  EXPECT_GE(avformat_open_input(&opened, path.c_str(), nullptr, nullptr), 0);
  const FormatHandle format(opened);
  EXPECT_GE(avformat_find_stream_info(format.get(), nullptr), 0);
  const AVStream& stream = *format->streams[0];
  const CodecHandle decoder(avcodec_alloc_context3(nullptr));
  avcodec_parameters_to_context(decoder.get(), stream.codecpar);
  decoder->pkt_timebase = stream.time_base;
  decoder->thread_count = 1;
  EXPECT_GE(avcodec_open2(decoder.get(), avcodec_find_decoder(stream.codecpar->codec_id), nullptr),
            0);
  FrameConverter converter(stream.codecpar->width, stream.codecpar->height, {});
  const PacketHandle packet = make_packet();
  const FrameHandle frame = make_frame();
  Sums sums;
  for (bool has_more = true; has_more;) {
    has_more = av_read_frame(format.get(), packet.get()) >= 0;
    avcodec_send_packet(decoder.get(), has_more ? packet.get() : nullptr);
    while (avcodec_receive_frame(decoder.get(), frame.get()) >= 0) {
      sums.push_back(sum_of(converter.convert(*frame)));
    }
    av_packet_unref(packet.get());
  }
  return sums;
}

class RandomAccessTest : public ::testing::TestWithParam<MadeFile> {
 protected:
  static void expect_some(VideoFile& video, std::vector<std::int64_t> numbers, const Sums& sums) {
    std::size_t count = 0;
    const auto read = video.read(numbers, [&](std::int64_t number, const RgbFrame& frame) {
      EXPECT_EQ(sum_of(frame), sums[static_cast<std::size_t>(number)]) << "frame " << number;
      ++count;
    });
    ASSERT_TRUE(read.ok()) << read.error().what();
    EXPECT_EQ(count, numbers.size());
  }

  std::unique_ptr<VideoFile> open() const {
    auto video = VideoFile::open(path_);
    EXPECT_TRUE(video.ok()) << video.error().what();
    return video.ok() ? std::move(video).value() : nullptr;
  }

  testing::TempDir folder_;
  std::filesystem::path path_ = folder_.path() / GetParam().name;
};

TEST_P(RandomAccessTest, AFrameIsTheSameWhateverWasReadBefore) {
  try {
    testing::make_video(path_, GetParam().plan);
  } catch (const pipeline::Error& error) {
    if (error.code() != pipeline::Errc::kUnsupported) throw;
    GTEST_SKIP() << error.what();
  }
  const Sums sums = straight_decoding(path_);
  const auto video = open();
  ASSERT_NE(video, nullptr);
  ASSERT_EQ(video->frames(), std::ssize(sums));
  EXPECT_GT(std::set<std::uint32_t>(sums.begin(), sums.end()).size(), sums.size() / 2);
  const auto facts = check_video(path_);
  ASSERT_TRUE(facts.ok()) << facts.error().what();
  EXPECT_EQ(facts.value().frames, std::ssize(sums));

  std::vector<std::int64_t> numbers(sums.size());
  std::iota(numbers.begin(), numbers.end(), 0);
  expect_some(*video, numbers, sums);
  std::shuffle(numbers.begin(), numbers.end(), std::mt19937(5));
  numbers.resize(std::min<std::size_t>(numbers.size(), 24));
  for (const std::int64_t number : numbers) expect_some(*video, {number}, sums);
  for (std::size_t i = 0; i + 3 <= numbers.size(); i += 3) {
    expect_some(*video, {numbers[i], numbers[i + 1], numbers[i + 2]}, sums);
    expect_some(*open(), {numbers[i]}, sums);
  }
}

constexpr const char* kOpenGroups =
    "x264-params=open-gop=1:scenecut=0:b-adapt=0:bframes=3:b-pyramid=0";

MadeFile h264(const std::string& name, const std::string& options = {}, int b_frames = 2) {
  return {name, {.options = options, .frames = 40, .b_frames = b_frames, .is_moving = true}};
}

// Columns of intra blocks that move over the frame: whole again only when they have passed it.
MadeFile refresh(const std::string& name) {
  MadeFile file = h264(name, "x264-params=intra-refresh=1", 0);
  file.plan.width = 160;
  file.plan.height = 96;
  file.plan.keyframe_every = 20;
  file.plan.frames = 48;
  return file;
}

MadeFile of(const std::string& codec, const std::string& name, int b_frames = 2) {
  return {name, {.codec = codec, .frames = 40, .b_frames = b_frames, .is_moving = true}};
}

MadeFile without_order(MadeFile file) {
  file.plan.has_order = false;
  file.name = "no-order-" + file.name;
  return file;
}

MadeFile without_key_table(MadeFile file) {
  file.plan.has_key_table = false;
  file.name = "no-table-" + file.name;
  return file;
}

MadeFile hevc(const std::string& name, const std::string& options) {
  return {name,
          {.codec = "libx265",
           .options = "x265-params=log-level=none:scenecut=0:b-adapt=0:" + options,
           .frames = 40,
           .b_frames = 3,
           .is_moving = true}};
}

std::vector<MadeFile> quick_files() {
  return {h264("closed.mp4"),
          h264("open.mkv", kOpenGroups),
          refresh("refresh.mp4"),
          refresh("refresh.mkv"),
          refresh("refresh.ts"),
          h264("closed.flv"),
          h264("closed.avi"),
          without_order(h264("closed.mp4")),
          without_order(of("mpeg4", "closed.mp4")),
          without_order(of("mpeg4", "closed.mkv")),
          without_key_table(of("mpeg4", "single.mp4", 0)),
          without_key_table(of("mpeg4", "closed.mp4")),
          without_key_table(h264("open.mp4", kOpenGroups)),
          of("mpeg2video", "closed.mpg"),
          of("mpeg2video", "closed.mxf"),
          of("libvpx", "closed.webm", 0)};
}

std::vector<MadeFile> all_files() {
  std::vector<MadeFile> files;
  for (const char* const ending : {".mp4", ".mov", ".mkv", ".flv", ".avi", ".ts", ".mpg"}) {
    const std::string end = ending;
    const bool tells_order = end != ".avi";
    files.push_back(h264("h264-closed" + end));
    files.push_back(h264("h264-open" + end, kOpenGroups));
    files.push_back(h264("h264-pyramid" + end, "x264-params=bframes=5:b-pyramid=2:b-adapt=0"));
    files.push_back(refresh("h264-refresh" + end));
    files.push_back(h264("h264-fields" + end, "x264-params=interlaced=1"));
    if (tells_order) files.push_back(without_order(h264("h264-closed" + end)));
  }
  for (const char* const ending : {".mp4", ".mov", ".mkv", ".avi"}) {
    const std::string end = ending;
    files.push_back(of("mpeg4", "mpeg4" + end));
    files.push_back(of("mpeg4", "mpeg4-single" + end, 0));
    if (end != ".avi") files.push_back(without_order(of("mpeg4", "mpeg4" + end)));
  }
  for (const char* const ending : {".mp4", ".mov"}) {
    const std::string end = ending;
    files.push_back(without_key_table(of("mpeg4", "mpeg4" + end)));
    files.push_back(without_key_table(h264("h264-open" + end, kOpenGroups)));
    files.push_back(without_key_table(refresh("h264-refresh" + end)));
  }
  for (const char* const ending : {".mpg", ".ts", ".mxf", ".mkv", ".avi"}) {
    files.push_back(of("mpeg2video", std::string("mpeg2") + ending));
    files.push_back(of("mpeg2video", std::string("mpeg2-single") + ending, 0));
  }
  for (const char* const ending : {".mp4", ".mkv", ".ts"}) {
    files.push_back(hevc(std::string("hevc-open") + ending, "open-gop=1"));
    files.push_back(hevc(std::string("hevc-closed") + ending, "open-gop=0"));
    files.push_back(without_order(hevc(std::string("hevc-closed") + ending, "open-gop=0")));
  }
  for (const char* const ending : {".webm", ".mkv", ".avi"}) {
    files.push_back(of("libvpx", std::string("vp8") + ending, 0));
    files.push_back(of("libvpx-vp9", std::string("vp9") + ending, 0));
  }
  files.push_back(of("flv", "sorenson.flv", 0));
  files.push_back(of("mpeg1video", "mpeg1.mpg"));
  files.push_back(of("msmpeg4v2", "msmpeg4.avi", 0));
  files.push_back(of("wmv2", "wmv2.asf", 0));
  return files;
}

INSTANTIATE_TEST_SUITE_P(Quick, RandomAccessTest, ::testing::ValuesIn(quick_files()));
INSTANTIATE_TEST_SUITE_P(Slow, RandomAccessTest, ::testing::ValuesIn(all_files()));

}  // namespace
}  // namespace larkspur::readers
