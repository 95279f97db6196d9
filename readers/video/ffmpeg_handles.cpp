// SPDX-License-Identifier: Apache-2.0
#include "readers/video/ffmpeg_handles.h"

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <new>

extern "C" {
#include <libavutil/log.h>
#include <libavutil/mem.h>
}

#include "pipeline/require.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;

// A frame of kLargestFramePixels has 80 MB a plane at 16 bits. What asks for more is an index
// that a broken header makes up.
constexpr std::size_t kLargestAllocation = std::size_t{256} << 20;
constexpr std::size_t kLongestMessage = 200;

std::string& message_of_thread() {
  thread_local std::string message;
  return message;
}

void keep_message(void* /*object*/, int level, const char* format, std::va_list arguments) {
  if (level > AV_LOG_ERROR) return;
  std::array<char, kLongestMessage> text{};
  std::vsnprintf(text.data(), text.size(), format, arguments);
  std::string& message = message_of_thread();
  message = text.data();
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.pop_back();
}

Errc code_of(int code) {
  switch (code) {
    case AVERROR_INVALIDDATA:
    case AVERROR_EOF:
    case AVERROR(EINVAL):
    case AVERROR(ERANGE):
    case AVERROR_BUG:
    case AVERROR_UNKNOWN:
      return Errc::kCorruptData;
    case AVERROR_DECODER_NOT_FOUND:
    case AVERROR_DEMUXER_NOT_FOUND:
    case AVERROR_PROTOCOL_NOT_FOUND:
    case AVERROR_PATCHWELCOME:
    case AVERROR_EXPERIMENTAL:
    case AVERROR(ENOSYS):
    case AVERROR(ENOMEM):  // refused by the bound on one allocation
      return Errc::kUnsupported;
    case AVERROR(ENOENT):
      return Errc::kNotFound;
    default:
      return Errc::kIo;
  }
}

}  // namespace

PacketHandle make_packet() {
  PacketHandle packet(av_packet_alloc());
  if (packet == nullptr) throw std::bad_alloc();
  return packet;
}

FrameHandle make_frame() {
  FrameHandle frame(av_frame_alloc());
  if (frame == nullptr) throw std::bad_alloc();
  return frame;
}

void prepare_ffmpeg() {
  static std::once_flag once;
  std::call_once(once, [] {
    av_log_set_callback(keep_message);
    av_max_alloc(kLargestAllocation);
  });
}

std::string last_message() { return message_of_thread(); }

void forget_messages() { message_of_thread().clear(); }

pipeline::Error ffmpeg_error(int code, const std::string& what) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> words{};
  av_strerror(code, words.data(), words.size());
  const std::string message = last_message();
  const std::string more = message.empty() ? "" : " (" + message + ")";
  return {code_of(code), pipeline::text_of(what, ": ", words.data(), more)};
}

std::vector<TableEntry> table_of(AVStream& stream) {
  std::vector<TableEntry> table;
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(58, 76, 100)  // FFmpeg 4.4
  const int count = avformat_index_get_entries_count(&stream);
  for (int i = 0; i < count; ++i) {
    const AVIndexEntry& entry = *avformat_index_get_entry(&stream, i);
    table.push_back({entry.pos, entry.size});
  }
#else
  for (int i = 0; i < stream.nb_index_entries; ++i) {
    table.push_back({stream.index_entries[i].pos, stream.index_entries[i].size});
  }
#endif
  return table;
}

const std::int32_t* display_matrix(const AVStream& stream) {
  constexpr std::size_t kBytes = 9 * sizeof(std::int32_t);
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 102)  // FFmpeg 6.1
  const AVPacketSideData* const data = av_packet_side_data_get(stream.codecpar->coded_side_data,
                                                               stream.codecpar->nb_coded_side_data,
                                                               AV_PKT_DATA_DISPLAYMATRIX);
  if (data == nullptr || data->size < kBytes) return nullptr;
  return reinterpret_cast<const std::int32_t*>(data->data);
#else
  for (int i = 0; i < stream.nb_side_data; ++i) {
    const AVPacketSideData& data = stream.side_data[i];
    if (data.type != AV_PKT_DATA_DISPLAYMATRIX || data.size < kBytes) continue;
    return reinterpret_cast<const std::int32_t*>(data.data);
  }
  return nullptr;
#endif
}

bool shows_video(const AVStream& stream) {
  return stream.codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
         (stream.disposition & AV_DISPOSITION_ATTACHED_PIC) == 0;
}

}  // namespace larkspur::readers
