// SPDX-License-Identifier: Apache-2.0
#include "readers/video/record_bytes.h"

#include <random>

#include <gtest/gtest.h>

namespace larkspur::readers {
namespace {

bool same(const PacketFacts& one, const PacketFacts& other) {
  return one.pts == other.pts && one.dts == other.dts && one.position == other.position &&
         one.is_key == other.is_key && one.is_start == other.is_start &&
         one.is_shown == other.is_shown && one.place.sequence == other.place.sequence &&
         one.place.order == other.place.order && one.place.is_counted == other.place.is_counted &&
         one.place.is_known == other.place.is_known;
}

// Times near each other, as files have them, with the odd one at an end of the range.
VideoRecord drawn_record(std::uint32_t seed, std::size_t count) {
  std::mt19937_64 draw(seed);
  const auto number = [&](std::int64_t near) {
    switch (draw() % 40) {
      case 0:
        return kNoTime;
      case 1:
        return INT64_MAX;
      case 2:
        return static_cast<std::int64_t>(draw());
      default:
        return near + static_cast<std::int64_t>(draw() % 9) - 4;
    }
  };
  std::vector<PacketFacts> packets;
  for (std::size_t i = 0; i < count; ++i) {
    const auto time = static_cast<std::int64_t>(512 * i);
    const std::uint64_t bits = draw();
    packets.push_back({number(time),
                       number(time),
                       number(9 * time),
                       (bits & 1) != 0,
                       (bits & 2) != 0,
                       (bits & 4) != 0,
                       {number(0), number(time), (bits & 8) != 0, (bits & 16) != 0}});
  }
  return {VideoIndex(std::move(packets)), 7, 340, 256, 29.97, 2};
}

TEST(RecordBytes, GiveTheRecordBack) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    const VideoRecord record = drawn_record(seed, seed * 7);
    const std::string bytes = bytes_of(record);
    const auto again = record_of(bytes);
    ASSERT_TRUE(again.has_value()) << seed;
    EXPECT_EQ(bytes_of(*again), bytes);
    EXPECT_EQ(again->frames, 7);
    EXPECT_EQ(again->width, 340);
    EXPECT_EQ(again->height, 256);
    EXPECT_EQ(again->frames_per_second, 29.97);
    EXPECT_EQ(again->refused, 2);
    EXPECT_EQ(again->index.frames(), record.index.frames());
    EXPECT_EQ(again->index.has_usable_times(), record.index.has_usable_times());
    const auto& packets = again->index.packets();
    ASSERT_EQ(packets.size(), record.index.packets().size());
    for (std::size_t i = 0; i < packets.size(); ++i) {
      EXPECT_TRUE(same(packets[i], record.index.packets()[i])) << seed << " " << i;
    }
  }
}

TEST(RecordBytes, AreFewOfAnOrdinaryVideo) {
  std::vector<PacketFacts> packets;
  for (std::int64_t i = 0; i < 300; ++i) {
    packets.push_back({.pts = 512 * i,
                       .dts = 512 * i - 1024,
                       .position = 1500 * i,
                       .place = {i / 250, 2 * (i % 250), true, true}});
  }
  EXPECT_LT(bytes_of({VideoIndex(std::move(packets)), 300, 340, 256, 30.0, 0}).size(), 3000U);
}

// What was not written so is refused: cut anywhere, with more behind it, or a count out of thin
// air.
TEST(RecordBytes, ThatAreCutOrLongerAreNone) {
  const std::string bytes = bytes_of(drawn_record(3, 12));
  for (std::size_t left = 0; left < bytes.size(); ++left) {
    EXPECT_FALSE(record_of(std::string_view(bytes).substr(0, left)).has_value()) << left;
  }
  EXPECT_FALSE(record_of(bytes + '\0').has_value());
  const std::string many = "\x01\x01\x01\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f";
  EXPECT_FALSE(record_of(many).has_value());
  EXPECT_FALSE(record_of(std::string(100, '\xff')).has_value());
}

}  // namespace
}  // namespace larkspur::readers
