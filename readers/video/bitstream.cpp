// SPDX-License-Identifier: Apache-2.0
#include "readers/video/bitstream.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>
#include <optional>
#include <vector>

namespace larkspur::readers {
namespace {

// Bits from the highest of a byte down; zeros behind the end.
class BitReader {
 public:
  explicit BitReader(Bytes bytes) : bytes_(bytes) {}

  std::uint32_t read(int bits) {
    std::uint32_t value = 0;
    for (int i = 0; i < bits; ++i, ++at_) {
      const std::size_t byte = at_ / 8;
      const std::uint32_t bit = byte < bytes_.size() ? bytes_[byte] >> (7 - at_ % 8) & 1U : 0U;
      value = value << 1 | bit;
    }
    return value;
  }

  void skip(int bits) { at_ += static_cast<std::size_t>(bits); }

  // Exponential Golomb code, ue(v).
  std::uint32_t read_golomb() {
    int zeros = 0;
    while (zeros < 31 && read(1) == 0) ++zeros;
    return (1U << zeros) - 1 + read(zeros);
  }

 private:
  Bytes bytes_;
  std::size_t at_ = 0;
};

// The payload of a NAL unit without its emulation prevention bytes, at most `most` of them.
std::vector<std::uint8_t> unescaped(Bytes nal, std::size_t most) {
  std::vector<std::uint8_t> payload;
  int zeros = 0;
  for (std::size_t i = 0; i < nal.size() && payload.size() < most; ++i) {
    if (zeros >= 2 && nal[i] == 3) {
      zeros = 0;
      continue;
    }
    zeros = nal[i] == 0 ? zeros + 1 : 0;
    payload.push_back(nal[i]);
  }
  return payload;
}

// Where the byte behind the next 00 00 01 is; packet.size() + 3 where there is none.
std::size_t behind_start_code(Bytes packet, std::size_t from) {
  for (std::size_t at = from + 2; at < packet.size(); ++at) {
    const void* const one = std::memchr(packet.data() + at, 1, packet.size() - at);
    if (one == nullptr) break;
    at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(one) - packet.data());
    if (packet[at - 1] == 0 && packet[at - 2] == 0) return at + 1;
  }
  return packet.size() + 3;
}

// Calls visit(unit) for what stands between start codes.
template <typename Visit>
void visit_start_codes(Bytes packet, const Visit& visit) {
  for (std::size_t at = behind_start_code(packet, 0); at < packet.size();) {
    const std::size_t next = behind_start_code(packet, at);
    if (next > at + 3) visit(packet.subspan(at, next - 3 - at));
    at = next;
  }
}

template <typename Visit>
void visit_nal_units(Bytes packet, int length_bytes, const Visit& visit) {
  if (length_bytes == 0) return visit_start_codes(packet, visit);
  const auto prefix = static_cast<std::size_t>(length_bytes);
  while (packet.size() > prefix) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < prefix; ++i) length = length << 8 | packet[i];
    if (length > packet.size() - prefix) return;
    if (length > 0) visit(packet.subspan(prefix, length));
    packet = packet.subspan(prefix + length);
  }
}

// A supplemental message "recovery point" that promises exact frames from here on, at once
// (ITU-T H.264, D.1.8); a rolling refresh promises them later.
bool recovers_at_once(Bytes nal) {
  constexpr std::size_t kLongest = 512;
  constexpr unsigned kRecoveryPoint = 6;
  const std::vector<std::uint8_t> payload = unescaped(nal.subspan(1), kLongest);
  for (std::size_t at = 0; at + 2 < payload.size();) {
    std::array<unsigned, 2> numbers{};  // type and size of a message
    for (unsigned& number : numbers) {
      while (at < payload.size() && payload[at] == 0xFF) number += payload[at++];
      if (at < payload.size()) number += payload[at++];
    }
    if (numbers[0] == kRecoveryPoint && at < payload.size()) {
      BitReader bits(Bytes(payload).subspan(at));
      return bits.read_golomb() == 0 && bits.read(1) == 1;
    }
    at += numbers[1];
  }
  return false;
}

// An I or SI slice of H.264, by its header.
bool is_intra_slice(Bytes nal) {
  const std::vector<std::uint8_t> header = unescaped(nal.subspan(1), 16);
  BitReader bits(header);
  bits.read_golomb();  // first macroblock
  const std::uint32_t type = bits.read_golomb() % 5;
  return type == 2 || type == 4;
}

// Bits of the time in a VOP, from the header of its layer (ISO/IEC 14496-2, 6.2.3).
int mpeg4_time_bits(Bytes layer) {
  BitReader bits(layer);
  bits.read(9);
  const bool has_version = bits.read(1) == 1;
  const std::uint32_t version = has_version ? bits.read(4) : 1;
  if (has_version) bits.read(3);
  if (bits.read(4) == 15) bits.read(16);  // shape of a pixel
  if (bits.read(1) == 1) {
    bits.read(3);
    if (bits.read(1) == 1) bits.skip(79);  // of the decoder's buffer
  }
  if (bits.read(2) == 3 && version != 1) bits.read(4);
  bits.read(1);
  const std::uint32_t ticks = bits.read(16);
  return std::max(1, static_cast<int>(std::bit_width(ticks - 1U)));
}

// VP9 bitstream specification, 6.2: a key frame that is not one shown again.
bool is_vp9_key(Bytes packet) {
  BitReader bits(packet);
  if (bits.read(2) != 2) return false;
  const bool is_profile_3 = bits.read(2) == 3;
  if (is_profile_3) bits.read(1);
  return bits.read(1) == 0 && bits.read(1) == 0;
}

struct Obu {
  unsigned type = 0;
  Bytes payload;
};

// The next unit of an AV1 packet, taken off its front (AV1 specification, 5.3).
std::optional<Obu> next_obu(Bytes& packet) {
  if (packet.size() < 2) return std::nullopt;
  const unsigned header = packet[0];
  std::size_t at = (header & 4) != 0 ? 2 : 1;
  std::size_t size = packet.size() - at;
  if ((header & 2) != 0) {
    size = 0;
    for (int i = 0; i < 8 && at < packet.size(); ++i) {
      const std::size_t byte = packet[at++];
      size |= (byte & 0x7F) << (7 * i);
      if (byte < 0x80) break;
    }
  }
  if (size > packet.size() - at) return std::nullopt;
  const Obu unit{header >> 3 & 15, packet.subspan(at, size)};
  packet = packet.subspan(at + size);
  return unit;
}

int length_bytes_of(const AVCodecParameters& parameters) {
  const Bytes extra(parameters.extradata, static_cast<std::size_t>(parameters.extradata_size));
  if (extra.size() < 7 || extra[0] != 1) return 0;  // start codes begin with 0
  if (parameters.codec_id == AV_CODEC_ID_H264) return (extra[4] & 3) + 1;
  return parameters.codec_id == AV_CODEC_ID_HEVC && extra.size() > 22 ? (extra[21] & 3) + 1 : 0;
}

bool has_property(AVCodecID codec, int property) {
  const AVCodecDescriptor* const descriptor = avcodec_descriptor_get(codec);
  return descriptor != nullptr && (descriptor->props & property) != 0;
}

bool counts_output(AVCodecID codec) {
  return codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_HEVC;
}

}  // namespace

Bitstream::Bitstream(const AVCodecParameters& parameters)
    : parameters_(parameters),
      length_bytes_(length_bytes_of(parameters)),
      may_reorder_(has_property(parameters.codec_id, AV_CODEC_PROP_REORDER)),
      is_intra_(has_property(parameters.codec_id, AV_CODEC_PROP_INTRA_ONLY)) {
  if (parameters.codec_id == AV_CODEC_ID_MPEG4) {
    mpeg4({parameters.extradata, static_cast<std::size_t>(parameters.extradata_size)});
  }
  if (!counts_output(parameters.codec_id)) return;
  parser_.reset(av_parser_init(parameters.codec_id));
  if (parser_ == nullptr) return;
  parser_->flags |= PARSER_FLAG_COMPLETE_FRAMES;
  context_.reset(avcodec_alloc_context3(nullptr));
  if (context_ == nullptr) throw std::bad_alloc();
  const int code = avcodec_parameters_to_context(context_.get(), &parameters);
  if (code < 0) throw ffmpeg_error(code, "parser parameters");
}

bool Bitstream::knows_starts() const noexcept {
  switch (parameters_.codec_id) {
    case AV_CODEC_ID_H264:
    case AV_CODEC_ID_HEVC:
    case AV_CODEC_ID_MPEG4:
    case AV_CODEC_ID_MPEG1VIDEO:
    case AV_CODEC_ID_MPEG2VIDEO:
    case AV_CODEC_ID_VP8:
    case AV_CODEC_ID_VP9:
    case AV_CODEC_ID_AV1:
    case AV_CODEC_ID_FLV1:
    case AV_CODEC_ID_THEORA:
      return true;
    default:
      return is_intra_;
  }
}

Bitstream::Picture Bitstream::h264(Bytes packet) const {
  Picture picture;
  bool recovers = false;
  bool is_intra = true;
  unsigned sets = 0;
  visit_nal_units(packet, length_bytes_, [&](Bytes nal) {
    const unsigned type = nal[0] & 31U;
    if (type == 6) recovers = recovers || recovers_at_once(nal);
    if (type == 7 || type == 8) sets |= type - 6;
    if (type != 1 && type != 2 && type != 5) return;
    picture.frames = 1;
    picture.resets = picture.resets || type == 5;
    is_intra = is_intra && (type == 5 || (type == 1 && is_intra_slice(nal)));
  });
  picture.is_start = picture.frames > 0 && (picture.resets || (recovers && is_intra));
  picture.has_sets = sets == 3;
  return picture;
}

Bitstream::Picture Bitstream::hevc(Bytes packet) const {
  Picture picture;
  unsigned sets = 0;
  visit_nal_units(packet, length_bytes_, [&](Bytes nal) {
    const unsigned type = nal[0] >> 1 & 63U;
    if (type >= 32 && type <= 34) sets |= 1U << (type - 32);
    if (type > 31 || picture.frames > 0) return;
    picture.frames = 1;
    picture.is_start = type >= 16 && type <= 21;  // random access: IDR, BLA, CRA
    picture.resets = type >= 16 && type <= 20;    // IDR, BLA
  });
  picture.has_sets = sets == 7;
  return picture;
}

Bitstream::Picture Bitstream::mpeg4(Bytes packet) {
  Picture picture;
  visit_start_codes(packet, [&](Bytes unit) {
    if (unit[0] >= 0x20 && unit[0] <= 0x2F) {
      picture.has_sets = true;
      time_bits_ = mpeg4_time_bits(unit.subspan(1));
    }
    if (unit[0] != 0xB6 || unit.size() < 2) return;
    BitReader bits(unit.subspan(1));
    const std::uint32_t type = bits.read(2);
    for (int i = 0; i < 60 && bits.read(1) == 1; ++i) {
    }
    bits.read(1 + time_bits_ + 1);
    if (bits.read(1) == 0) return;  // not coded: stands for a frame packed into an earlier packet
    ++picture.frames;
    picture.is_start = picture.frames == 1 && type == 0;
    picture.is_b = type == 2;
  });
  return picture;
}

Bitstream::Picture Bitstream::mpeg12(Bytes packet) const {
  Picture picture;
  visit_start_codes(packet, [&](Bytes unit) {
    if (unit[0] == 0xB3) picture.has_sets = true;
    if (unit[0] != 0 || unit.size() < 3 || picture.frames > 0) return;  // later: a second field
    picture.frames = 1;
    const unsigned type = unit[2] >> 3 & 7U;
    picture.is_start = type == 1 && picture.has_sets;
    picture.is_b = type == 3;
  });
  return picture;
}

Bitstream::Picture Bitstream::picture_of(Bytes packet) {
  Picture picture{.frames = 1};
  switch (parameters_.codec_id) {
    case AV_CODEC_ID_H264:
      return h264(packet);
    case AV_CODEC_ID_HEVC:
      return hevc(packet);
    case AV_CODEC_ID_MPEG4:
      return mpeg4(packet);
    case AV_CODEC_ID_MPEG1VIDEO:
    case AV_CODEC_ID_MPEG2VIDEO:
      return mpeg12(packet);
    case AV_CODEC_ID_VP8:
      picture.is_start = (packet[0] & 1) == 0;
      break;
    case AV_CODEC_ID_VP9:
      picture.is_start = is_vp9_key(packet);
      break;
    case AV_CODEC_ID_THEORA:
      picture.is_start = (packet[0] & 0xC0) == 0;
      break;
    case AV_CODEC_ID_AV1: {
      bool is_first = true;
      while (const auto unit = next_obu(packet)) {
        if (unit->type == 1) picture.has_sets = true;
        if ((unit->type != 3 && unit->type != 6) || !is_first || unit->payload.empty()) continue;
        is_first = false;
        picture.is_start = unit->payload[0] >> 4 == 1;  // a key frame, shown at once
      }
      break;
    }
    case AV_CODEC_ID_FLV1: {  // start code, version, number, size, type
      BitReader bits(packet);
      bits.read(30);
      const std::uint32_t size = bits.read(3);
      bits.read(size == 0 ? 16 : size == 1 ? 32 : 0);
      picture.is_start = bits.read(2) == 0;
      break;
    }
    default:
      picture.is_start = is_intra_;
  }
  return picture;
}

OutputPlace Bitstream::place_of(const Picture& picture, const AVPacket& packet) {
  OutputPlace place{.is_known = picture.frames == 1};
  if (!may_reorder_) return place;
  switch (parameters_.codec_id) {
    case AV_CODEC_ID_H264:
    case AV_CODEC_ID_HEVC: {
      if (parser_ == nullptr) return {.is_known = false};
      std::uint8_t* out = nullptr;
      int out_bytes = 0;
      av_parser_parse2(parser_.get(),
                       context_.get(),
                       &out,
                       &out_bytes,
                       packet.data,
                       packet.size,
                       packet.pts,
                       packet.dts,
                       packet.pos);
      if (picture.resets) ++sequence_;
      place.is_counted = true;
      place.order = parser_->output_picture_number;
      break;
    }
    case AV_CODEC_ID_MPEG4:
    case AV_CODEC_ID_MPEG1VIDEO:
    case AV_CODEC_ID_MPEG2VIDEO:
      if (!picture.is_b) ++sequence_;
      place.order = picture.is_b ? 0 : 1;
      break;
    default:
      place.is_known = false;
  }
  place.sequence = sequence_;
  return place;
}

void Bitstream::add_to(PacketFacts& facts, const AVPacket& packet) {
  const Picture picture = picture_of({packet.data, static_cast<std::size_t>(packet.size)});
  facts.place = place_of(picture, packet);
  // Headers that came with a packet count from there on: a start needs its own.
  has_seen_sets_ = has_seen_sets_ || picture.has_sets;
  facts.is_start = knows_starts() && picture.is_start && (picture.has_sets || !has_seen_sets_);
  if (knows_starts()) facts.is_key = picture.is_start;
}

}  // namespace larkspur::readers
