// SPDX-License-Identifier: Apache-2.0
// What the bits of a packet say of its frame without decoding it: whether decoding may start here,
// and its place in the decoder's order of output. Times and marks of containers are claims; these
// are what the decoder goes by.
//
//   stored:   I0  P3  B1  B2  I6  B4  B5        anchors (I, P) wait for the next anchor,
//   output:   I0  B1  B2  P3  B4  B5  I6        B frames do not; H.264 and HEVC count instead
#pragma once

#include <cstdint>
#include <span>

#include "readers/video/ffmpeg_handles.h"
#include "readers/video/video_index.h"

namespace larkspur::readers {

using Bytes = std::span<const std::uint8_t>;

/// Not thread-safe. Takes the packets of one stream in the order they are stored.
class Bitstream {
 public:
  /// `parameters` must outlive it.
  explicit Bitstream(const AVCodecParameters& parameters);

  /// Whether starts can be told in this codec. Where not, is_start is always false.
  bool knows_starts() const noexcept;

  /// Fills in place, is_start and, where knows_starts(), is_key, of facts that the container gave.
  void add_to(PacketFacts& facts, const AVPacket& packet);

 private:
  struct Picture {
    bool is_start = false;  // nothing decoded before is referred to by it and what is shown after
    bool resets = false;    // numbers of output count anew from here
    bool is_b = false;
    bool has_sets = false;  // brings the headers that decoding needs
    int frames = 0;         // coded in the packet, as far as told
  };

  Picture picture_of(Bytes packet);
  Picture h264(Bytes packet) const;
  Picture hevc(Bytes packet) const;
  Picture mpeg4(Bytes packet);
  Picture mpeg12(Bytes packet) const;
  OutputPlace place_of(const Picture& picture, const AVPacket& packet);

  const AVCodecParameters& parameters_;
  ParserHandle parser_;
  CodecHandle context_;      // of the parser
  int length_bytes_ = 0;     // in front of a NAL unit; 0: start codes
  int time_bits_ = 1;        // of MPEG-4
  bool may_reorder_ = true;  // the codec lets frames be shown in another order than stored
  bool is_intra_ = false;    // every frame stands alone
  bool has_seen_sets_ = false;
  std::int64_t sequence_ = 0;
};

}  // namespace larkspur::readers
