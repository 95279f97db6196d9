// SPDX-License-Identifier: Apache-2.0
// Which frames a video shows, in which order, and where decoding has to start for each: from its
// packets alone, without decoding.
//
//   packets as stored (decoding order):   I0  P3  B1  B2  I6 ...      the digits are pts
//   frames by number:                   I0  B1  B2  P3  ...
//
// A frame can be decoded from a clean start that is neither stored nor shown after it. Frames
// stored behind a start and shown before it may need the group before ("open" groups).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace larkspur::readers {

/// The time of a packet that tells none.
inline constexpr std::int64_t kNoTime = INT64_MIN;

/// When the decoder puts a frame out, in its own count: by sequence, then order, then as stored.
struct OutputPlace {
  std::int64_t sequence = 0;
  std::int64_t order = 0;
  bool is_counted = false;  ///< no two frames of a sequence have the same order
  bool is_known = true;     ///< false: the bits do not tell, or hold no frame or several
};

/// One packet; times in units of the stream.
struct PacketFacts {
  std::int64_t pts = kNoTime;  ///< when its frame is shown
  std::int64_t dts = kNoTime;  ///< when it is decoded
  std::int64_t position = -1;  ///< byte in the file, -1 where unknown
  bool is_key = false;         ///< frames from here on come out; the container's word where need be
  bool is_start = false;       ///< decoding from here gives the same frames, by the packet's bits
  bool is_shown = true;        ///< false: needed for decoding only (edit lists, hidden frames)
  OutputPlace place{};
};

/// Numbers of frames count from 0. Thread-safe to read.
class VideoIndex {
 public:
  VideoIndex() = default;
  explicit VideoIndex(std::vector<PacketFacts> packets);

  /// False where a packet that is shown has no time, or two have the same: such frames can only
  /// be counted as they come out of the decoder. All below wants true.
  bool has_usable_times() const noexcept { return has_usable_times_; }

  /// Whether the decoder puts frames out in the order of their times. Where not, or where the bits
  /// do not tell, times are no numbers either: pts = dts with B frames (AVI remuxed to MP4, raw
  /// streams wrapped) looks fine and swaps neighbours.
  bool has_confirmed_order() const;

  const std::vector<PacketFacts>& packets() const noexcept { return packets_; }

  std::int64_t frames() const noexcept { return static_cast<std::int64_t>(frames_.size()); }

  /// The frame shown at a time, if any.
  std::optional<std::int64_t> number_at(std::int64_t pts) const;

  /// The last keyframe from which this frame comes out; nothing where there is none.
  std::optional<std::size_t> keyframe_for(std::int64_t number) const;

  /// Where decoding starts for this frame: the last clean start that serves, or else the first
  /// packet.
  std::size_t first_packet(std::int64_t number) const;

  /// The last frame shown of those stored up to this one: what it may refer to has come out once
  /// that one has.
  std::int64_t last_stored_before(std::int64_t number) const;

  /// The packet after which a decoder that is drained has all it needs for this frame: its own.
  /// Nothing where the next packet shows no frame of its own, and may be a second part of it.
  std::optional<std::size_t> last_packet(std::int64_t number) const;

  /// Where among the packets (pts, position) stands, looked for from `last` backwards.
  std::optional<std::size_t> find(const PacketFacts& packet, std::size_t last) const;

  /// Frames without a keyframe, in rising order: stored before the first one, or shown before it.
  /// Whether they decode only decoding tells.
  std::vector<std::int64_t> uncertain() const;

  /// Takes frames, numbers in rising order, out of the count; later ones move down.
  void forget(const std::vector<std::int64_t>& numbers);

  /// How many frames a decoder has to hold back: the most that are stored before a frame and
  /// shown after it; at most 16.
  int reorder_depth() const;

  /// Frames a second, `unit` the seconds of one unit of time; 0 for a single frame.
  double frames_per_second(double unit) const;

 private:
  struct Shown {
    std::int64_t pts;
    std::size_t packet;
  };

  void number_frames();
  std::optional<std::size_t> last_before(const std::vector<std::size_t>& packets,
                                         std::int64_t number) const;

  std::vector<PacketFacts> packets_;
  std::vector<std::size_t> keyframes_;
  std::vector<std::size_t> starts_;
  std::vector<Shown> frames_;  // by pts
  bool has_usable_times_ = false;
};

/// What opening a video found out: enough to open the same bytes again without reading them all.
struct VideoRecord {
  VideoIndex index;
  std::int64_t frames = 0;
  std::int64_t width = 0;  ///< of the coded frames, before turning
  std::int64_t height = 0;
  double frames_per_second = 0;
  std::int64_t refused = 0;  ///< packets that did not decode, where frames were counted
};

/// Frames by number, each once and rising. Throws kInvalidArgument that names the video and a
/// number that is not in [0, frames).
std::vector<std::int64_t> rising_frames(std::span<const std::int64_t> numbers,
                                        std::int64_t frames,
                                        const std::string& video);

/// Frames a second of `count` frames from `first` to `last`; 0 where that says nothing.
double average_rate(std::int64_t count, std::int64_t first, std::int64_t last, double unit);

}  // namespace larkspur::readers
