// SPDX-License-Identifier: Apache-2.0
#include "readers/video/png_file.h"

#include <algorithm>
#include <fstream>
#include <string>

#include "pipeline/require.h"
#include "readers/video/ffmpeg_handles.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::require;

constexpr std::int64_t kLongestSide = 16384;

const AVCodec* png_encoder() { return avcodec_find_encoder(AV_CODEC_ID_PNG); }

void check(int answer, const std::string& name, const char* what) {
  if (answer >= 0) return;
  throw pipeline::Error(Errc::kIo, ffmpeg_error(answer, name + ": cannot encode " + what).what());
}

CodecHandle open_codec(const std::string& name, int width, int height) {
  CodecHandle codec(avcodec_alloc_context3(png_encoder()));
  require(codec != nullptr, Errc::kIo, name, ": no memory for the encoder");
  codec->width = width;
  codec->height = height;
  codec->pix_fmt = AV_PIX_FMT_GRAY8;
  codec->time_base = {1, 1};
  codec->thread_count = 1;
  codec->flags |= AV_CODEC_FLAG_BITEXACT;
  check(avcodec_open2(codec.get(), png_encoder(), nullptr), name, "with the PNG encoder");
  return codec;
}

FrameHandle frame_of(const std::string& name,
                     int width,
                     int height,
                     std::span<const std::uint8_t> grey) {
  FrameHandle frame = make_frame();
  frame->width = width;
  frame->height = height;
  frame->format = AV_PIX_FMT_GRAY8;
  check(av_frame_get_buffer(frame.get(), 0), name, "a picture");
  for (int row = 0; row < height; ++row) {
    const auto line = grey.subspan(static_cast<std::size_t>(row) * static_cast<std::size_t>(width),
                                   static_cast<std::size_t>(width));
    std::ranges::copy(line, frame->data[0] + static_cast<std::ptrdiff_t>(row) * frame->linesize[0]);
  }
  return frame;
}

}  // namespace

bool can_write_png() { return png_encoder() != nullptr; }

void write_png(const std::filesystem::path& path,
               std::int64_t width,
               std::int64_t height,
               std::span<const std::uint8_t> grey) {
  const std::string name = path.string();
  const bool sizes = width > 0 && width <= kLongestSide && height > 0 && height <= kLongestSide;
  require(sizes && grey.size() == static_cast<std::size_t>(width * height),
          Errc::kInvalidArgument,
          name,
          ": ",
          grey.size(),
          " pixels are no picture of ",
          width,
          " x ",
          height);
  require(can_write_png(), Errc::kUnsupported, name, ": this FFmpeg has no PNG encoder");
  prepare_ffmpeg();
  forget_messages();
  const auto columns = static_cast<int>(width);
  const auto rows = static_cast<int>(height);
  const CodecHandle codec = open_codec(name, columns, rows);
  const FrameHandle frame = frame_of(name, columns, rows, grey);
  const PacketHandle packet = make_packet();
  check(avcodec_send_frame(codec.get(), frame.get()), name, "the picture");
  check(avcodec_receive_packet(codec.get(), packet.get()), name, "the picture");
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(packet->data), packet->size);
  file.close();
  require(file.good(), Errc::kIo, name, ": cannot be written");
}

}  // namespace larkspur::readers
