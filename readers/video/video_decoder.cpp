// SPDX-License-Identifier: Apache-2.0
#include "readers/video/video_decoder.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "pipeline/require.h"

namespace larkspur::readers {
namespace {

// The configuration record (ISO/IEC 14496-15, 8.3.3.1) counts temporal layers in byte 21. Within
// one layer a frame marked as not referred to is not; a higher layer may still refer to it.
bool has_one_temporal_layer(const AVCodecParameters& parameters) {
  constexpr int kLayers = 21;
  if (parameters.extradata_size <= kLayers || parameters.extradata[0] != 1) return false;
  return ((parameters.extradata[kLayers] >> 3) & 7) == 1;
}

bool can_skip_unreferenced(const AVCodecParameters& parameters) {
  const bool is_whole =
      parameters.field_order == AV_FIELD_PROGRESSIVE || parameters.field_order == AV_FIELD_UNKNOWN;
  switch (parameters.codec_id) {
    case AV_CODEC_ID_H264:
    case AV_CODEC_ID_MPEG4:
    case AV_CODEC_ID_MPEG1VIDEO:
    case AV_CODEC_ID_MPEG2VIDEO:
      return is_whole;
    case AV_CODEC_ID_HEVC:
      return is_whole && has_one_temporal_layer(parameters);
    default:
      return false;
  }
}

// These fill what a damaged packet lacks from other pictures; others leave it as it was.
bool conceals_damage(AVCodecID codec) {
  return codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_MPEG4 ||
         codec == AV_CODEC_ID_MPEG1VIDEO || codec == AV_CODEC_ID_MPEG2VIDEO;
}

// Memory of the pool holds an older picture: what is never written would depend on which.
int get_zeroed_buffer(AVCodecContext* context, AVFrame* frame, int flags) {
  const int code = avcodec_default_get_buffer2(context, frame, flags);
  for (const AVBufferRef* const buffer : frame->buf) {
    if (code >= 0 && buffer != nullptr) std::memset(buffer->data, 0, buffer->size);
  }
  return code;
}

CodecHandle open_decoder(const AVStream& stream, int reorder_depth) {
  const AVCodecParameters& parameters = *stream.codecpar;
  const AVCodec* const codec = avcodec_find_decoder(parameters.codec_id);
  pipeline::require(codec != nullptr,
                    pipeline::Errc::kUnsupported,
                    "no decoder for ",
                    avcodec_get_name(parameters.codec_id));
  CodecHandle context(avcodec_alloc_context3(codec));
  if (context == nullptr) throw std::bad_alloc();
  int code = avcodec_parameters_to_context(context.get(), &parameters);
  if (code < 0) throw ffmpeg_error(code, "decoder parameters");
  context->pkt_timebase = stream.time_base;
  context->thread_count = 1;
  context->max_pixels = kLargestFramePixels;
  if (!conceals_damage(parameters.codec_id)) context->get_buffer2 = get_zeroed_buffer;
  // H.264 streams may leave their depth open; guessed too low, frames are lost.
  if (parameters.codec_id == AV_CODEC_ID_H264) {
    context->has_b_frames = std::max(context->has_b_frames, reorder_depth);
  }
  code = avcodec_open2(context.get(), codec, nullptr);
  if (code < 0) throw ffmpeg_error(code, std::string("decoder ") + codec->name);
  return context;
}

}  // namespace

VideoDecoder::VideoDecoder(const AVStream& stream, int reorder_depth)
    : context_(open_decoder(stream, reorder_depth)),
      frame_(make_frame()),
      can_skip_(can_skip_unreferenced(*stream.codecpar)) {}

void VideoDecoder::send(const AVPacket& packet, bool skips) {
  context_->skip_frame = skips ? AVDISCARD_NONREF : AVDISCARD_DEFAULT;
  if (avcodec_send_packet(context_.get(), &packet) < 0) ++refused_;
}

void VideoDecoder::send_end() {
  context_->skip_frame = AVDISCARD_DEFAULT;
  avcodec_send_packet(context_.get(), nullptr);
}

const AVFrame* VideoDecoder::receive() {
  // A decoder that keeps refusing what it holds back ends the stream.
  constexpr int kMostRefusals = 64;
  for (int i = 0; i < kMostRefusals; ++i) {
    const int code = avcodec_receive_frame(context_.get(), frame_.get());
    if (code >= 0) return frame_.get();
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return nullptr;
    ++refused_;
  }
  return nullptr;
}

bool is_patched(const AVFrame& frame) {
  return frame.decode_error_flags != 0 || (frame.flags & AV_FRAME_FLAG_CORRUPT) != 0;
}

}  // namespace larkspur::readers
