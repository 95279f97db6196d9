// SPDX-License-Identifier: Apache-2.0
#include "readers/video/video_index.h"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larkspur::readers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

PacketFacts key(std::int64_t pts) {
  return {.pts = pts, .position = 1000 + pts, .is_key = true, .is_start = true};
}
PacketFacts delta(std::int64_t pts) { return {.pts = pts, .position = 1000 + pts}; }
PacketFacts hidden(PacketFacts packet) {
  packet.is_shown = false;
  return packet;
}

// Two groups; the second is open: 50 is stored behind keyframe 60 and shown before it.
VideoIndex two_groups() {
  return VideoIndex({key(0),
                     delta(30),
                     delta(10),
                     delta(20),
                     delta(40),
                     key(60),
                     delta(50),
                     delta(90),
                     delta(70),
                     delta(80)});
}

TEST(VideoIndex, NumbersAreTheOrderOfTimes) {
  const VideoIndex index = two_groups();
  EXPECT_TRUE(index.has_usable_times());
  EXPECT_EQ(index.frames(), 10);
  for (std::int64_t number = 0; number < 10; ++number) {
    EXPECT_EQ(index.number_at(10 * number), number);
  }
  EXPECT_FALSE(index.number_at(5));
  EXPECT_FALSE(index.number_at(-10));
  EXPECT_FALSE(index.number_at(100));
}

TEST(VideoIndex, DecodingStartsAtAKeyframeBeforeInBothOrders) {
  const VideoIndex index = two_groups();
  const std::vector<std::size_t> starts{0, 0, 0, 0, 0, 0, 5, 5, 5, 5};
  for (std::size_t i = 0; i < starts.size(); ++i) {
    EXPECT_EQ(index.first_packet(static_cast<std::int64_t>(i)), starts[i]) << i;
  }
  EXPECT_THAT(index.uncertain(), IsEmpty());
}

TEST(VideoIndex, HiddenPacketsAreNoFramesButMayStartDecoding) {
  const VideoIndex index({hidden(key(-20)), hidden(delta(-10)), delta(10), delta(0)});
  EXPECT_EQ(index.frames(), 2);
  EXPECT_EQ(index.number_at(0), 0);
  EXPECT_EQ(index.number_at(10), 1);
  EXPECT_FALSE(index.number_at(-20));
  EXPECT_EQ(index.keyframe_for(1), 0U);
}

TEST(VideoIndex, FramesBeforeTheFirstKeyframeAreUncertain) {
  VideoIndex index({delta(0), delta(70), key(30), delta(10), delta(20), delta(40)});
  EXPECT_THAT(index.uncertain(), ElementsAre(0, 1, 2, 5));
  index.forget({0, 2});
  EXPECT_EQ(index.frames(), 4);
  EXPECT_EQ(index.number_at(10), 0);
  EXPECT_EQ(index.number_at(30), 1);
  EXPECT_FALSE(index.number_at(20));
  EXPECT_EQ(index.packets().size(), 6U);
}

TEST(VideoIndex, WithoutKeyframesEverythingIsUncertain) {
  const VideoIndex index({delta(0), delta(10)});
  EXPECT_THAT(index.uncertain(), ElementsAre(0, 1));
  EXPECT_EQ(index.first_packet(1), 0U);
}

TEST(VideoIndex, TimesThatLackOrRepeatAreNotUsable) {
  EXPECT_FALSE(VideoIndex().has_usable_times());
  EXPECT_FALSE(VideoIndex({key(0), delta(kNoTime)}).has_usable_times());
  EXPECT_FALSE(VideoIndex({key(0), delta(10), delta(10)}).has_usable_times());
  EXPECT_TRUE(VideoIndex({key(0), hidden(delta(10)), delta(10)}).has_usable_times());
  EXPECT_TRUE(VideoIndex({key(0), hidden(delta(kNoTime))}).has_usable_times());
}

PacketFacts placed(PacketFacts packet, std::int64_t sequence, std::int64_t order) {
  packet.place = {sequence, order, /*is_counted=*/true};
  return packet;
}

TEST(VideoIndex, DecodingStartsWhereTheBitsSaySo) {
  PacketFacts marked = key(30);
  marked.is_start = false;
  const VideoIndex index({key(0), delta(10), marked, delta(40), key(60)});
  EXPECT_EQ(index.keyframe_for(3), 2U);
  EXPECT_EQ(index.first_packet(3), 0U);
  EXPECT_EQ(index.first_packet(4), 4U);
}

TEST(VideoIndex, TheOrderOfTimesHasToBeThatOfTheDecoder) {
  const std::vector<PacketFacts> good{placed(key(0), 1, 0),
                                      placed(delta(30), 1, 6),
                                      placed(delta(10), 1, 2),
                                      placed(delta(20), 1, 4),
                                      placed(key(40), 2, 0)};
  EXPECT_TRUE(VideoIndex(good).has_confirmed_order());
  std::vector<PacketFacts> as_stored = good;
  for (std::size_t i = 0; i < good.size(); ++i) as_stored[i].pts = 10 * static_cast<int>(i);
  EXPECT_FALSE(VideoIndex(as_stored).has_confirmed_order());
  std::vector<PacketFacts> twice = good;
  twice[3].place.order = 2;
  EXPECT_FALSE(VideoIndex(twice).has_confirmed_order());
  std::vector<PacketFacts> unknown = good;
  unknown[2].place.is_known = false;
  EXPECT_FALSE(VideoIndex(unknown).has_confirmed_order());
}

TEST(VideoIndex, PacketsAreFoundByTimeAndPlace) {
  // An edit list shows the same bytes twice.
  PacketFacts again = key(0);
  again.pts = 40;
  const VideoIndex index({key(0), delta(10), again, delta(50)});
  EXPECT_EQ(index.find(key(0), 3), 0U);
  EXPECT_EQ(index.find(again, 3), 2U);
  EXPECT_FALSE(index.find(again, 1));
  EXPECT_FALSE(index.find(delta(20), 3));
  EXPECT_EQ(index.find(key(0), 99), 0U);
}

TEST(VideoIndex, TheReorderDepthIsWhatADecoderMustHold) {
  EXPECT_EQ(VideoIndex({key(0), delta(1), delta(2)}).reorder_depth(), 0);
  EXPECT_EQ(VideoIndex({key(0), delta(2), delta(1)}).reorder_depth(), 1);
  EXPECT_EQ(two_groups().reorder_depth(), 1);
  // A pyramid: 0 8 4 2 1 3 6 5 7.
  EXPECT_EQ(VideoIndex({key(0), delta(8), delta(4), delta(2), delta(1), delta(3)}).reorder_depth(),
            3);
  std::vector<PacketFacts> backwards;
  for (int i = 40; i > 0; --i) backwards.push_back(delta(i));
  EXPECT_EQ(VideoIndex(backwards).reorder_depth(), 16);
}

TEST(VideoIndex, TellsTheLastFrameThatOneMayReferTo) {
  // Stored 0 8 4 2 1 3: frames 0 to 5 by time.
  const VideoIndex index({key(0), delta(8), delta(4), delta(2), delta(1), delta(3)});
  EXPECT_EQ(index.last_stored_before(0), 0);
  EXPECT_EQ(index.last_stored_before(1), 5);
  EXPECT_EQ(index.last_stored_before(5), 5);
  const VideoIndex in_order({key(0), delta(1), delta(2)});
  EXPECT_EQ(in_order.last_stored_before(1), 1);
}

// The keyframe by trying all of them.
TEST(VideoIndex, KeyframesAreThoseOfAPlainSearch) {
  std::mt19937 random(5);
  for (int round = 0; round < 50; ++round) {
    std::vector<PacketFacts> packets;
    std::vector<std::int64_t> times(30);
    for (std::size_t i = 0; i < times.size(); ++i) times[i] = static_cast<std::int64_t>(i) * 3;
    for (std::size_t i = 0; i + 4 < times.size(); i += 4) {
      std::shuffle(times.begin() + static_cast<std::ptrdiff_t>(i),
                   times.begin() + static_cast<std::ptrdiff_t>(i) + 4,
                   random);
    }
    for (const std::int64_t pts : times) packets.push_back(random() % 4 ? delta(pts) : key(pts));
    const VideoIndex index(packets);
    for (std::size_t i = 0; i < packets.size(); ++i) {
      std::optional<std::size_t> expected;
      for (std::size_t k = 0; k <= i; ++k) {
        if (packets[k].is_key && packets[k].pts <= packets[i].pts) expected = k;
      }
      EXPECT_EQ(index.keyframe_for(*index.number_at(packets[i].pts)), expected);
    }
  }
}

TEST(VideoIndex, TheRateIsTheAverageOverTheFramesShown) {
  EXPECT_DOUBLE_EQ(two_groups().frames_per_second(0.001), 100);
  EXPECT_EQ(VideoIndex({key(5)}).frames_per_second(0.001), 0);
  EXPECT_EQ(VideoIndex().frames_per_second(0.001), 0);
  EXPECT_GT(average_rate(3, INT64_MIN + 1, INT64_MAX, 1e-6), 0);
}

}  // namespace
}  // namespace larkspur::readers
