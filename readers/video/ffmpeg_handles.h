// SPDX-License-Identifier: Apache-2.0
// FFmpeg's C objects as owners that free themselves, and its error codes as our errors.
//
// Only the video sources include this. What differs between FFmpeg versions is named here once.
#pragma once

#include <memory>
#include <string>
#include <vector>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/mem.h>
#include <libswscale/swscale.h>
}

#include "pipeline/error.h"

namespace larkspur::readers {

/// Frees what `free_object` frees through the address of a pointer.
template <auto free_object>
struct FreeByAddress {
  template <typename Object>
  void operator()(Object* object) const noexcept {
    free_object(&object);
  }
};

struct FreeScaler {
  void operator()(SwsContext* scaler) const noexcept { sws_freeContext(scaler); }
};

struct FreeParser {
  void operator()(AVCodecParserContext* parser) const noexcept { av_parser_close(parser); }
};

/// Its buffer too, which may have been replaced by a larger one.
struct FreeIo {
  void operator()(AVIOContext* io) const noexcept {
    av_freep(&io->buffer);
    avio_context_free(&io);
  }
};

using FormatHandle = std::unique_ptr<AVFormatContext, FreeByAddress<avformat_close_input>>;
using CodecHandle = std::unique_ptr<AVCodecContext, FreeByAddress<avcodec_free_context>>;
using PacketHandle = std::unique_ptr<AVPacket, FreeByAddress<av_packet_free>>;
using FrameHandle = std::unique_ptr<AVFrame, FreeByAddress<av_frame_free>>;
using IoHandle = std::unique_ptr<AVIOContext, FreeIo>;
using ParserHandle = std::unique_ptr<AVCodecParserContext, FreeParser>;
using ScalerHandle = std::unique_ptr<SwsContext, FreeScaler>;

/// Throws std::bad_alloc.
PacketHandle make_packet();
FrameHandle make_frame();

/// Largest frame that is decoded, in pixels: 8K video has 33 million. A header that claims more
/// costs no memory.
inline constexpr std::int64_t kLargestFramePixels = 40'000'000;

/// Bounds every single allocation of FFmpeg and sends its messages to last_message() instead of
/// standard error, for the whole process. Cheap when called again; thread-safe.
void prepare_ffmpeg();

/// The last complaint of FFmpeg in this thread, "" where there was none since forget_messages().
std::string last_message();
void forget_messages();

/// A negative code of FFmpeg as an error: kCorruptData for bytes it cannot use, kUnsupported for
/// what it has no part for, kNotFound, else kIo. Text: "WHAT: the code in words (last message)".
pipeline::Error ffmpeg_error(int code, const std::string& what);

/// Whether a stream is moving pictures: not sound, nor the cover of it.
bool shows_video(const AVStream& stream);

/// Where a container's own table says that its packets lie.
struct TableEntry {
  std::int64_t position = 0;  ///< byte in the file
  std::int64_t bytes = 0;
};

/// The table of a stream as far as it has been read; empty where the container has none.
std::vector<TableEntry> table_of(AVStream& stream);

/// The nine numbers of the stream's display matrix, nullptr where it has none.
const std::int32_t* display_matrix(const AVStream& stream);

}  // namespace larkspur::readers
