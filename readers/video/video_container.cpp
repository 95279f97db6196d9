// SPDX-License-Identifier: Apache-2.0
#include "readers/video/video_container.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>
#include <utility>
#include <vector>

extern "C" {
#include <libavutil/dict.h>
}

#include "pipeline/require.h"
#include "readers/file_kind.h"
#include "readers/video/bitstream.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::require;

// Containers, raw streams and single pictures; no playlists, which would open other files.
constexpr const char* kFormats =
    "mov,mp4,matroska,webm,avi,flv,mpegts,mpeg,mpegvideo,m4v,h264,hevc,h263,obu,av1,ivf,ogg,asf,"
    "mxf,nut,rm,dv,gif,mjpeg,vc1,wtv,3g2,3gp,yuv4mpegpipe,jpeg_pipe,png_pipe";

class Options {
 public:
  Options() = default;
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;
  ~Options() { av_dict_free(&values_); }

  void set(const char* key, const std::string& value) {
    av_dict_set(&values_, key, value.c_str(), 0);
  }
  AVDictionary** get() noexcept { return &values_; }

 private:
  AVDictionary* values_ = nullptr;
};

int read_source(void* source, std::uint8_t* bytes, int most) {
  try {
    const std::size_t count =
        static_cast<ByteSource*>(source)->read({bytes, static_cast<std::size_t>(most)});
    return count > 0 ? static_cast<int>(count) : AVERROR_EOF;
  } catch (const pipeline::Error& error) {  // not through C
    av_log(nullptr, AV_LOG_ERROR, "%s", error.what());
    return AVERROR(EIO);
  }
}

// FFmpeg asks for places counted from the start, and for the size.
std::int64_t seek_source(void* source, std::int64_t place, int whence) {
  ByteSource& bytes = *static_cast<ByteSource*>(source);
  if ((whence & AVSEEK_SIZE) != 0) return bytes.size() < 0 ? AVERROR(ENOSYS) : bytes.size();
  if ((whence & ~AVSEEK_FORCE) != SEEK_SET) return AVERROR(EINVAL);
  return bytes.seek(place) ? place : AVERROR(EINVAL);
}

IoHandle open_io(ByteSource& source) {
  constexpr std::size_t kBufferBytes = std::size_t{32} << 10;  // FFmpeg's own for files
  auto* const buffer = static_cast<std::uint8_t*>(av_malloc(kBufferBytes));
  if (buffer == nullptr) throw std::bad_alloc();
  AVIOContext* const io = avio_alloc_context(
      buffer, static_cast<int>(kBufferBytes), 0, &source, read_source, nullptr, seek_source);
  if (io == nullptr) {
    av_free(buffer);
    throw std::bad_alloc();
  }
  return IoHandle(io);
}

FormatHandle open_format(AVIOContext& io, const std::string& name) {
  Options options;
  options.set("protocol_whitelist", "none");  // no container opens other files
  options.set("format_whitelist", kFormats);
  AVFormatContext* format = avformat_alloc_context();
  if (format == nullptr) throw std::bad_alloc();
  format->pb = &io;
  // The prefix keeps a name with a colon from being taken for an address.
  // Pictures go without theirs: by its ending one would be taken for a sequence of files.
  const std::string address = "file:" + (is_image_file(name) ? "picture" : name);
  const int code = avformat_open_input(&format, address.c_str(), nullptr, options.get());
  if (code < 0) throw ffmpeg_error(code, name + ": cannot be opened as a video");
  return FormatHandle(format);
}

void probe(AVFormatContext& format, const std::string& name) {
  std::vector<Options> options(format.nb_streams);
  std::vector<AVDictionary*> values;
  for (Options& one : options) {
    one.set("threads", "1");
    one.set("max_pixels", std::to_string(kLargestFramePixels));
    values.push_back(std::exchange(*one.get(), nullptr));
  }
  const unsigned count = format.nb_streams;
  const int code = avformat_find_stream_info(&format, values.data());
  for (unsigned i = 0; i < count; ++i) av_dict_free(&values[i]);
  if (code < 0) throw ffmpeg_error(code, name + ": no stream can be read");
}

// A VP8 packet may hold a frame that is only referred to: bit 4 of its first byte is then 0
// (RFC 6386, section 9.1).
bool is_hidden(const AVPacket& packet, AVCodecID codec) {
  if ((packet.flags & AV_PKT_FLAG_DISCARD) != 0) return true;
  return codec == AV_CODEC_ID_VP8 && packet.size > 0 && (packet.data[0] & 0x10) == 0;
}

// Streams without an index of their own are searched by guessing; read those from the start.
bool seeks_by_guessing(const AVInputFormat& format) {
  constexpr int kGuessing = AVFMT_TS_DISCONT | AVFMT_NOTIMESTAMPS | AVFMT_NOBINSEARCH;
  return (format.flags & kGuessing) != 0;
}

}  // namespace

PacketFacts facts_of(const AVPacket& packet, AVCodecID codec) {
  static_assert(kNoTime == AV_NOPTS_VALUE);
  return {.pts = packet.pts,
          .dts = packet.dts,
          .position = packet.pos,
          .is_key = (packet.flags & AV_PKT_FLAG_KEY) != 0,
          .is_shown = !is_hidden(packet, codec)};
}

VideoContainer::VideoContainer(std::unique_ptr<ByteSource> source)
    : source_(std::move(source)), first_(make_packet()) {
  prepare_ffmpeg();
  open();
}

void VideoContainer::open() {
  forget_messages();
  format_.reset();
  io_ = open_io(*source_);
  format_ = open_format(*io_, name());
  probe(*format_, name());
  stream_ = nullptr;
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    AVStream* const stream = format_->streams[i];
    if (shows_video(*stream) && stream_ == nullptr) {
      stream_ = stream;
    } else {
      stream->discard = AVDISCARD_ALL;
    }
  }
  require(stream_ != nullptr, Errc::kUnsupported, name(), ": no video stream");
}

bool VideoContainer::is_end(int code) const {
  if (code == AVERROR_EOF) return true;
  // RealMedia ends every file so.
  return code == AVERROR(EIO) && std::strcmp(format_->iformat->name, "rm") == 0;
}

bool VideoContainer::read(AVPacket& packet) {
  constexpr int kMostIdle = 1000;
  for (int idle = 0;;) {
    av_packet_unref(&packet);
    const int code = av_read_frame(format_.get(), &packet);
    if (code == AVERROR(EAGAIN) && ++idle < kMostIdle) continue;
    if (code < 0) {
      // What the demuxer made of it may be anything; only what the system said is an I/O error.
      const int system = format_->pb == nullptr ? 0 : format_->pb->error;
      if (system < 0 && system != AVERROR_EOF) throw ffmpeg_error(system, name());
      if (!is_end(code)) is_damaged_ = true;
      return false;
    }
    if (packet.stream_index != stream_->index) continue;
    if ((packet.flags & AV_PKT_FLAG_CORRUPT) != 0) is_damaged_ = true;
    // An empty packet would tell the decoder that the stream ends.
    if (packet.size > 0) return true;
  }
}

bool VideoContainer::next(AVPacket& packet) {
  if (!has_first_) return read(packet);
  av_packet_unref(&packet);
  av_packet_move_ref(&packet, first_.get());
  has_first_ = false;
  return true;
}

VideoIndex VideoContainer::read_index() {
  const PacketHandle packet = make_packet();
  Bitstream bits(*stream_->codecpar);
  std::vector<PacketFacts> packets;
  while (next(*packet)) {
    require(packets.size() < kMostPackets,
            Errc::kUnsupported,
            name(),
            ": more than ",
            kMostPackets,
            " packets");
    packets.push_back(facts_of(*packet, stream_->codecpar->codec_id));
    bits.add_to(packets.back(), *packet);
  }
  require_whole_table();
  return VideoIndex(std::move(packets));
}

// The demuxer of MP4 takes the end of the file for the end of the video, however many frames the
// table still has.
void VideoContainer::require_whole_table() const {
  if (std::strncmp(format_->iformat->name, "mov,", 4) != 0) return;
  const std::int64_t size = avio_size(format_->pb);
  const std::vector<TableEntry> table = table_of(*stream_);
  const auto present = std::count_if(table.begin(), table.end(), [&](const TableEntry& entry) {
    return entry.position <= size && entry.bytes <= size - entry.position;
  });
  require(present == std::ssize(table) || size < 0,
          Errc::kCorruptData,
          name(),
          ": cut off, it holds ",
          present,
          " of the ",
          table.size(),
          " frames of its own table");
}

// Arrives at a packet of the index and reads on to the wanted one, which is not decoded on the way.
bool VideoContainer::try_seek(const VideoIndex& index, std::size_t wanted, std::int64_t time) {
  has_first_ = false;
  if (av_seek_frame(format_.get(), stream_->index, time, AVSEEK_FLAG_BACKWARD) < 0) return false;
  const AVCodecID codec = stream_->codecpar->codec_id;
  if (!read(*first_)) return false;
  const auto found = index.find(facts_of(*first_, codec), wanted);
  if (!found) return false;
  for (std::size_t i = *found; i < wanted; ++i) {
    if (!read(*first_)) return false;
  }
  has_first_ = index.find(facts_of(*first_, codec), wanted) == wanted;
  return has_first_;
}

bool VideoContainer::can_seek(const VideoIndex& index) const noexcept {
  return !seeks_by_guessing(*format_->iformat) && index.has_usable_times() && !has_failed_to_seek_;
}

std::size_t VideoContainer::seek(const VideoIndex& index, std::size_t wanted) {
  const PacketFacts& packet = index.packets()[wanted];
  // Tables go by times of decoding in some containers; an early keyframe's may be another's.
  if (can_seek(index) && packet.pts != kNoTime &&
      (try_seek(index, wanted, packet.pts) ||
       (packet.dts != kNoTime && packet.dts < packet.pts && try_seek(index, wanted, packet.dts)))) {
    return wanted;
  }
  has_failed_to_seek_ = true;
  rewind();
  return 0;
}

void VideoContainer::rewind() {
  has_first_ = false;
  require(source_->seek(0), Errc::kUnsupported, name(), ": cannot be read a second time");
  open();
}

}  // namespace larkspur::readers
