// SPDX-License-Identifier: Apache-2.0
#include "readers/video/record_bytes.h"

#include <bit>
#include <cstddef>
#include <utility>
#include <vector>

namespace larkspur::readers {
namespace {

// Flags of a packet, a bit each.
constexpr std::uint64_t kKey = 1, kStart = 2, kShown = 4, kCounted = 8, kKnown = 16;

constexpr std::size_t kFewestBytes = 6;  // of a packet: a number each

// Signed numbers near 0 as small ones: 0, -1, 1, -2, ...
std::uint64_t folded(std::uint64_t value) { return value << 1 ^ (0 - (value >> 63)); }
std::uint64_t unfolded(std::uint64_t value) { return value >> 1 ^ (0 - (value & 1)); }

class NumberWriter {
 public:
  void number(std::uint64_t value) {
    for (; value >= 128; value >>= 7) bytes_ += static_cast<char>(value | 128);
    bytes_ += static_cast<char>(value);
  }

  // Differences wrap around: kNoTime is as far from others as numbers go.
  void step(std::int64_t value, std::int64_t& last) {
    number(folded(static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(last)));
    last = value;
  }

  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class NumberReader {
 public:
  explicit NumberReader(std::string_view bytes) : bytes_(bytes) {}

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (place_ == bytes_.size()) break;
      const auto byte = static_cast<unsigned char>(bytes_[place_++]);
      value |= std::uint64_t{byte & 127U} << shift;
      if (byte < 128) return value;
    }
    is_good_ = false;
    return 0;
  }

  std::int64_t step(std::int64_t& last) {
    return last = static_cast<std::int64_t>(static_cast<std::uint64_t>(last) + unfolded(number()));
  }

  std::size_t left() const { return bytes_.size() - place_; }
  bool is_good() const { return is_good_; }

 private:
  std::string_view bytes_;
  std::size_t place_ = 0;
  bool is_good_ = true;
};

/// Of the packet before: what differences are taken to.
struct Last {
  std::int64_t pts = 0;
  std::int64_t dts = 0;
  std::int64_t position = 0;
  std::int64_t sequence = 0;
  std::int64_t order = 0;
};

void write_packet(NumberWriter& out, const PacketFacts& packet, Last& last) {
  const OutputPlace& place = packet.place;
  out.number((packet.is_key ? kKey : 0) | (packet.is_start ? kStart : 0) |
             (packet.is_shown ? kShown : 0) | (place.is_counted ? kCounted : 0) |
             (place.is_known ? kKnown : 0));
  out.step(packet.pts, last.pts);
  out.step(packet.dts, last.dts);
  out.step(packet.position, last.position);
  out.step(place.sequence, last.sequence);
  out.step(place.order, last.order);
}

PacketFacts read_packet(NumberReader& in, Last& last) {
  const std::uint64_t flags = in.number();
  PacketFacts packet;
  packet.is_key = (flags & kKey) != 0;
  packet.is_start = (flags & kStart) != 0;
  packet.is_shown = (flags & kShown) != 0;
  packet.place.is_counted = (flags & kCounted) != 0;
  packet.place.is_known = (flags & kKnown) != 0;
  packet.pts = in.step(last.pts);
  packet.dts = in.step(last.dts);
  packet.position = in.step(last.position);
  packet.place.sequence = in.step(last.sequence);
  packet.place.order = in.step(last.order);
  return packet;
}

}  // namespace

std::string bytes_of(const VideoRecord& record) {
  NumberWriter out;
  const auto whole = [&](std::int64_t value) { out.number(static_cast<std::uint64_t>(value)); };
  whole(record.frames);
  whole(record.width);
  whole(record.height);
  whole(record.refused);
  out.number(std::bit_cast<std::uint64_t>(record.frames_per_second));
  out.number(record.index.packets().size());
  Last last;
  for (const PacketFacts& packet : record.index.packets()) write_packet(out, packet, last);
  return out.take();
}

std::optional<VideoRecord> record_of(std::string_view bytes) {
  NumberReader in(bytes);
  const auto whole = [&] { return static_cast<std::int64_t>(in.number()); };
  VideoRecord record;
  record.frames = whole();
  record.width = whole();
  record.height = whole();
  record.refused = whole();
  record.frames_per_second = std::bit_cast<double>(in.number());
  const std::uint64_t count = in.number();
  if (!in.is_good() || count > in.left() / kFewestBytes) return std::nullopt;
  std::vector<PacketFacts> packets;
  packets.reserve(static_cast<std::size_t>(count));
  Last last;
  while (packets.size() < count) packets.push_back(read_packet(in, last));
  if (!in.is_good() || in.left() > 0) return std::nullopt;
  record.index = VideoIndex(std::move(packets));
  return record;
}

}  // namespace larkspur::readers
