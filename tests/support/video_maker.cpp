// SPDX-License-Identifier: Apache-2.0
#include "tests/support/video_maker.h"

#include <cstring>
#include <fstream>

extern "C" {
#include <libavutil/dict.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
}

#include "pipeline/require.h"
#include "readers/video/ffmpeg_handles.h"
#include "tests/support/file_contents.h"

namespace larkspur::testing {
namespace {

using pipeline::Errc;
using pipeline::require;
using readers::CodecHandle;
using readers::FrameHandle;
using readers::PacketHandle;

constexpr int kColumns = 5;
constexpr int kRows = 2;
constexpr int kStep = 40;  // ms

struct CloseOutput {
  void operator()(AVFormatContext* format) const noexcept {
    if (format->pb != nullptr) avio_closep(&format->pb);
    avformat_free_context(format);
  }
};
using OutputHandle = std::unique_ptr<AVFormatContext, CloseOutput>;

void check(int code, const char* what) {
  if (code < 0) throw readers::ffmpeg_error(code, what);
}

CodecHandle open_encoder(const VideoPlan& plan, bool has_global_header) {
  const AVCodec* const codec = avcodec_find_encoder_by_name(plan.codec.c_str());
  require(codec != nullptr, Errc::kUnsupported, "no encoder ", plan.codec);
  CodecHandle context(avcodec_alloc_context3(codec));
  context->width = plan.width;
  context->height = plan.height;
  context->pix_fmt = av_get_pix_fmt(plan.format.c_str());
  context->time_base = plan.times.empty() ? AVRational{kStep, 1000} : AVRational{1, 1000};
  context->framerate = {1000, kStep};
  context->gop_size = plan.keyframe_every;
  context->max_b_frames = plan.b_frames;
  context->thread_count = 1;
  context->bit_rate = 400'000;
  if (has_global_header) context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  if (!plan.options.empty()) {
    check(av_opt_set_from_string(context->priv_data, plan.options.c_str(), nullptr, "=", ";"),
          "encoder options");
  }
  check(avcodec_open2(context.get(), codec, nullptr), "encoder");
  return context;
}

FrameHandle blank(const VideoPlan& plan) {
  FrameHandle frame = readers::make_frame();
  frame->width = plan.width;
  frame->height = plan.height;
  frame->format = av_get_pix_fmt(plan.format.c_str());
  check(av_frame_get_buffer(frame.get(), 0), "frame");
  return frame;
}

FrameHandle draw(const VideoPlan& plan, int number) {
  FrameHandle frame = plan.is_textured ? draw_texture(plan, number) : blank(plan);
  const bool is_even = plan.times.empty();
  frame->pts = is_even ? number : plan.times.at(static_cast<std::size_t>(number));
  if (plan.is_textured) return frame;
  for (int y = 0; y < plan.height; ++y) {
    for (int x = 0; x < plan.width; ++x) {
      const int bit = y * kRows / plan.height * kColumns + x * kColumns / plan.width;
      const int grain = plan.is_moving ? ((x - 3 * number) * (y + 2 * number) / 5) & 31 : 0;
      frame->data[0][y * frame->linesize[0] + x] =
          static_cast<std::uint8_t>((number >> bit & 1) != 0 ? 235 - grain : 16 + grain);
    }
  }
  for (int plane = 1; plane < 3; ++plane) {
    for (int y = 0; y < (plan.height + 1) / 2; ++y) {
      std::uint8_t* const row = frame->data[plane] + y * frame->linesize[plane];
      for (int x = 0; x < (plan.width + 1) / 2; ++x) {
        const int moved = plane == 1 ? x + number : y - number;
        row[x] = static_cast<std::uint8_t>(plan.is_moving ? 104 + ((moved * 5 + x * y) & 47) : 128);
      }
    }
  }
  return frame;
}

void set_matrix(AVStream& stream, const VideoPlan& plan) {
  if (plan.matrix.empty()) return;
  constexpr std::size_t kBytes = 9 * sizeof(std::int32_t);
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 102)
  std::uint8_t* const data = av_packet_side_data_new(&stream.codecpar->coded_side_data,
                                                     &stream.codecpar->nb_coded_side_data,
                                                     AV_PKT_DATA_DISPLAYMATRIX,
                                                     kBytes,
                                                     0)
                                 ->data;
#else
  std::uint8_t* const data = av_stream_new_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, kBytes);
#endif
  std::memcpy(data, plan.matrix.data(), kBytes);
}

void drop_key_table(const std::filesystem::path& path) {
  std::string bytes = contents_of(path);
  const std::size_t table = bytes.rfind("stss");
  require(table != std::string::npos, Errc::kNotFound, path.string(), ": no table of key frames");
  bytes.replace(table, 4, "free");
  std::ofstream(path, std::ios::binary) << bytes;
}

// Packets from encoder to file, those before the first wanted keyframe left out.
class Muxer {
 public:
  Muxer(const std::filesystem::path& path, const VideoPlan& plan)
      : skips_(plan.first_keyframe), has_order_(plan.has_order) {
    AVFormatContext* format = nullptr;
    check(avformat_alloc_output_context2(&format, nullptr, nullptr, path.c_str()), "container");
    format_.reset(format);
    encoder_ = open_encoder(plan, (format->oformat->flags & AVFMT_GLOBALHEADER) != 0);
    stream_ = avformat_new_stream(format, nullptr);
    check(avcodec_parameters_from_context(stream_->codecpar, encoder_.get()), "parameters");
    stream_->time_base = encoder_->time_base;
    stream_->avg_frame_rate = encoder_->framerate;
    set_matrix(*stream_, plan);
    check(avio_open(&format->pb, path.c_str(), AVIO_FLAG_WRITE), path.c_str());
    AVDictionary* options = nullptr;
    check(av_dict_parse_string(&options, plan.container.c_str(), "=", ";", 0), "muxer options");
    const int code = avformat_write_header(format, &options);
    av_dict_free(&options);
    check(code, "header");
  }

  void send(const AVFrame* frame) {
    check(avcodec_send_frame(encoder_.get(), frame), "encode");
    while (avcodec_receive_packet(encoder_.get(), packet_.get()) >= 0) {
      if ((packet_->flags & AV_PKT_FLAG_KEY) != 0) --skips_;
      if (skips_ >= 0) continue;
      if (!has_order_) packet_->pts = packet_->dts;
      av_packet_rescale_ts(packet_.get(), encoder_->time_base, stream_->time_base);
      check(av_write_frame(format_.get(), packet_.get()), "packet");
    }
  }

  void finish() { check(av_write_trailer(format_.get()), "trailer"); }

 private:
  int skips_;
  bool has_order_;
  OutputHandle format_;
  CodecHandle encoder_;
  AVStream* stream_ = nullptr;
  PacketHandle packet_ = readers::make_packet();
};

}  // namespace

FrameHandle draw_texture(const VideoPlan& plan, int number) {
  FrameHandle frame = blank(plan);
  const auto format = static_cast<AVPixelFormat>(frame->format);
  for (int plane = 0; plane < av_pix_fmt_count_planes(format); ++plane) {
    const int row_bytes = av_image_get_linesize(format, plan.width, plane);
    const int shift = plane == 0 ? 0 : av_pix_fmt_desc_get(format)->log2_chroma_h;
    for (int y = 0; y < -(-plan.height >> shift); ++y) {
      for (int x = 0; x < row_bytes; ++x) {
        const int value = x * 37 + y * 101 + x * y * 7 + number * 53 + plane * 91;
        frame->data[plane][y * frame->linesize[plane] + x] =
            static_cast<std::uint8_t>(value ^ (x >> 3));
      }
    }
  }
  return frame;
}

void make_video(const std::filesystem::path& path, const VideoPlan& plan) {
  readers::prepare_ffmpeg();
  Muxer muxer(path, plan);
  for (int number = 0; number < plan.frames; ++number) muxer.send(draw(plan, number).get());
  muxer.send(nullptr);
  muxer.finish();
  if (!plan.has_key_table) drop_key_table(path);
}

std::int64_t shown_number(const readers::RgbFrame& frame) {
  std::int64_t number = 0;
  for (int bit = 0; bit < kColumns * kRows; ++bit) {
    const std::int64_t x = (2 * (bit % kColumns) + 1) * frame.width / (2 * kColumns);
    const std::int64_t y = (2 * (bit / kColumns) + 1) * frame.height / (2 * kRows);
    const std::uint8_t green = frame.rgb[y * frame.row_bytes + 3 * x + 1];
    if (green > 75 && green < 180) return -1;
    if (green >= 180) number |= std::int64_t{1} << bit;
  }
  return number;
}

}  // namespace larkspur::testing
