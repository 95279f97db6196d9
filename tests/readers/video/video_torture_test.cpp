// SPDX-License-Identifier: Apache-2.0
// Real files that other readers stumble over, against a manifest made with the ffmpeg tool.
#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/md5.h>
}

#include "pipeline/storage/crc32c.h"
#include "readers/video/video_file.h"
#include "tests/readers/write_file.h"

namespace larkspur::readers {
namespace {

using nlohmann::json;
using pipeline::Errc;
using Numbers = std::vector<std::int64_t>;

// libavcodec of the manifest; others may round colours differently.
constexpr unsigned kManifestCodec = 59;

std::string packed(const RgbFrame& frame) {
  std::string bytes;
  for (std::int64_t y = 0; y < frame.height; ++y) {
    bytes.append(reinterpret_cast<const char*>(frame.rgb) + y * frame.row_bytes,
                 static_cast<std::size_t>(3 * frame.width));
  }
  return bytes;
}

std::string md5_of(const std::string& bytes) {
  std::array<std::uint8_t, 16> sum{};
  av_md5_sum(sum.data(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  std::string text;
  for (const std::uint8_t byte : sum) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

class VideoTorture : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto folder = testing::real_data("torture");
    if (!folder || !std::filesystem::exists(*folder)) GTEST_SKIP() << "needs LARKSPUR_REAL_DATA";
    folder_ = *folder;
    entries_ = json::parse(std::ifstream(folder_ / "MANIFEST.json")).at("entries");
  }

  std::vector<json> entries(const std::string& outcome) const {
    std::vector<json> found;
    for (const json& entry : entries_) {
      if (entry.at("expect") == outcome) found.push_back(entry);
    }
    return found;
  }

  std::filesystem::path at(const json& entry) const {
    return folder_ / entry.at("file").get<std::string>();
  }

  std::unique_ptr<VideoFile> open(const json& entry) const {
    auto video = VideoFile::open(at(entry));
    EXPECT_TRUE(video.ok()) << video.error().what();
    return video.ok() ? std::move(video).value() : nullptr;
  }

  void expect_refused(const std::string& outcome, Errc code) const {
    EXPECT_FALSE(entries(outcome).empty());
    for (const json& entry : entries(outcome)) {
      const auto facts = check_video(at(entry));
      ASSERT_FALSE(facts.ok()) << entry.at("file");
      EXPECT_EQ(facts.error().code(), code) << facts.error().what();
      EXPECT_THAT(facts.error().what(), ::testing::HasSubstr(at(entry).string()));
    }
  }

  std::filesystem::path folder_;
  json entries_;
};

TEST_F(VideoTorture, GoodFilesAreWholeAndAsLargeAsTheyAreShown) {
  for (const json& entry : entries("ok")) {
    SCOPED_TRACE(entry.at("file"));
    const auto video = open(entry);
    if (video == nullptr) continue;
    EXPECT_EQ(video->frames(), entry.at("frames"));
    EXPECT_EQ(video->width(), entry.at("width"));
    EXPECT_EQ(video->height(), entry.at("height"));
    const auto facts = check_video(at(entry));
    ASSERT_TRUE(facts.ok()) << facts.error().what();
    EXPECT_EQ(facts.value().frames, entry.at("frames"));
    EXPECT_EQ(facts.value().width, entry.at("width"));
    EXPECT_EQ(facts.value().height, entry.at("height"));
  }
}

TEST_F(VideoTorture, FilesWithoutFramesAreRefusedByKind) {
  expect_refused("error_open", Errc::kCorruptData);
  expect_refused("error_no_frames", Errc::kCorruptData);
  expect_refused("error_no_video", Errc::kUnsupported);
}

TEST_F(VideoTorture, DamagedFilesKeepTheFramesTheyHave) {
  for (const json& entry : entries("ok_or_error")) {
    SCOPED_TRACE(entry.at("file"));
    const auto video = open(entry);
    if (video == nullptr) continue;
    std::int64_t readable = 0;
    for (std::int64_t number = 0; number < video->frames(); ++number) {
      const auto read = video->read(Numbers{number}, [](std::int64_t, const RgbFrame&) {});
      if (read.ok()) {
        ++readable;
      } else {
        EXPECT_EQ(read.error().code(), Errc::kCorruptData);
      }
    }
    EXPECT_EQ(readable, entry.at("frames"));
    const auto facts = check_video(at(entry));
    if (facts.ok()) {
      EXPECT_EQ(facts.value().frames, entry.at("frames"));
    } else {
      EXPECT_EQ(facts.error().code(), Errc::kCorruptData);
      EXPECT_THAT(facts.error().what(), ::testing::HasSubstr(entry.at("frames").dump() + " of "));
    }
  }
}

TEST_F(VideoTorture, FramesHaveTheColoursOfTheManifest) {
  for (const json& entry : entries("ok")) {
    SCOPED_TRACE(entry.at("file"));
    const auto video = open(entry);
    if (video == nullptr) continue;
    // The tool turns before it converts: with 10 bits the chroma is then filtered the other way.
    const json& tags = entry.at("tags");
    const bool is_turned_10_bit = std::count(tags.begin(), tags.end(), "10-bit") > 0 &&
                                  std::count(tags.begin(), tags.end(), "rotation") > 0;
    const bool is_comparable = !is_turned_10_bit && avcodec_version() >> 16 == kManifestCodec;
    Numbers numbers;
    std::map<std::int64_t, json> expected;
    for (const json& check : entry.at("check")) {
      numbers.push_back(check.at("frame"));
      expected[check.at("frame")] = check;
    }
    const auto read = video->read(numbers, [&](std::int64_t number, const RgbFrame& frame) {
      const std::string bytes = packed(frame);
      std::array<double, 3> mean{};
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        mean[i % 3] +=
            static_cast<std::uint8_t>(bytes[i]) / (static_cast<double>(bytes.size()) / 3);
      }
      for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_NEAR(mean[i], expected[number].at("rgb_mean")[i].get<double>(), 1.0) << number;
      }
      if (is_comparable) {
        EXPECT_EQ(md5_of(bytes), expected[number].at("rgb24_md5")) << number;
      }
    });
    ASSERT_TRUE(read.ok()) << read.error().what();
  }
}

TEST_F(VideoTorture, AnyOrderGivesTheFramesOfDecodingInOrder) {
  constexpr std::size_t kAtOnce = 5;
  std::mt19937 random(7);
  for (const json& entry : entries("ok")) {
    SCOPED_TRACE(entry.at("file"));
    const auto video = open(entry);
    if (video == nullptr) continue;
    Numbers all(static_cast<std::size_t>(video->frames()));
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
    std::map<std::int64_t, std::uint32_t> sums;
    const auto keep = [&](std::int64_t number, const RgbFrame& frame) {
      const std::string bytes = packed(frame);
      const std::uint32_t sum = pipeline::crc32c(bytes.data(), bytes.size());
      const auto [seen, is_new] = sums.emplace(number, sum);
      EXPECT_EQ(seen->second, sum) << "frame " << number;
    };
    const auto in_order = video->read(all, keep);
    ASSERT_TRUE(in_order.ok()) << in_order.error().what();
    ASSERT_EQ(sums.size(), all.size());
    std::shuffle(all.begin(), all.end(), random);
    for (std::size_t i = 0; i < all.size(); i += kAtOnce) {
      const std::size_t count = std::min(kAtOnce, all.size() - i);
      const auto some = video->read(std::span(all).subspan(i, count), keep);
      ASSERT_TRUE(some.ok()) << some.error().what();
    }
    EXPECT_EQ(sums.size(), all.size());
  }
}

struct Counted {
  std::string file;
  std::int64_t frames;
};

// A table with a header line, fields apart by tabs.
std::vector<Counted> counts_of(const std::filesystem::path& path,
                               const std::string& name_field,
                               const std::string& frames_field) {
  std::ifstream file(path);
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    rows.emplace_back();
    for (std::string field; std::getline(fields, field, '\t');) rows.back().push_back(field);
  }
  const auto column = [&](const std::string& name) {
    return std::find(rows.at(0).begin(), rows.at(0).end(), name) - rows.at(0).begin();
  };
  std::vector<Counted> counts;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    counts.push_back(
        {rows[i].at(column(name_field)), std::stoll(rows[i].at(column(frames_field)))});
  }
  return counts;
}

void expect_counts(const std::filesystem::path& folder, const std::vector<Counted>& counts) {
  EXPECT_FALSE(counts.empty());
  for (const Counted& clip : counts) {
    const auto video = VideoFile::open(folder / clip.file);
    ASSERT_TRUE(video.ok()) << video.error().what();
    EXPECT_EQ(video.value()->frames(), clip.frames) << clip.file;
  }
}

TEST(VideoCounts, SurveillanceClipsHaveTheFramesThatWereCounted) {
  const auto folder = testing::real_data("fight");
  if (!folder) GTEST_SKIP() << "needs LARKSPUR_REAL_DATA";
  std::vector<Counted> counts = counts_of(*folder / "clips.tsv", "clip", "frames");
  std::map<std::string, std::string> paths;
  for (const auto& file : std::filesystem::recursive_directory_iterator(*folder)) {
    paths[file.path().stem().string()] = file.path().string();
  }
  for (Counted& clip : counts) clip.file = paths.at(clip.file);
  expect_counts(*folder, counts);
}

TEST(VideoCounts, ActionClipsHaveTheFramesThatWereCounted) {
  const auto folder = testing::real_data("k400");
  if (!folder) GTEST_SKIP() << "needs LARKSPUR_REAL_DATA";
  expect_counts(*folder, counts_of(*folder / "probe.tsv", "file", "frames_decoded"));
}

}  // namespace
}  // namespace larkspur::readers
