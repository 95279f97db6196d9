// SPDX-License-Identifier: Apache-2.0
#include "readers/video/video_stream.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <dlfcn.h>

extern "C" {
#include <libavutil/dict.h>
#include <libavutil/time.h>
}

#include "pipeline/require.h"
#include "readers/video/frame_converter.h"
#include "readers/video/video_decoder.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::require;
using pipeline::text_of;

#if LIBAVFORMAT_VERSION_MAJOR >= 59
using InputFormat = const AVInputFormat*;
#else
using InputFormat = AVInputFormat*;  // FFmpeg 4
#endif

/// Where FFmpeg finds a stream.
struct StreamAddress {
  std::string name;              ///< for messages
  std::string url;               ///< what FFmpeg opens
  InputFormat format = nullptr;  ///< nullptr: told by the bytes
  bool is_input = false;         ///< standard input
};

// Cameras are in a library of their own, with fifty others behind it: used where it is.
std::string device_library() {
  return "libavdevice.so." + std::to_string(LIBAVFORMAT_VERSION_MAJOR);
}

void register_devices() {
  void* const library = ::dlopen(device_library().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return;
  void* const entry = ::dlsym(library, "avdevice_register_all");
  if (entry != nullptr) reinterpret_cast<void (*)()>(entry)();
}

/// The format of that name, devices included.
InputFormat find_format(const std::string& name) {
  if (InputFormat const format = av_find_input_format(name.c_str())) return format;
  register_devices();
  return av_find_input_format(name.c_str());
}

/// "v4l2:/dev/video0": what stands before the colon, unless it is the protocol of an address.
std::string format_name(const std::string& address) {
  const std::size_t colon = address.find(':');
  if (colon == std::string::npos || colon == 0) return "";
  if (address.compare(colon, 3, "://") == 0) return "";
  const std::string name = address.substr(0, colon);
  return name.find('/') == std::string::npos ? name : "";
}

bool is_protocol(const std::string& name) {
  void* place = nullptr;
  while (const char* const protocol = avio_enum_protocols(&place, 0)) {
    if (name == protocol) return true;
  }
  return false;
}

StreamAddress parse_address(const std::string& address) {
  if (address == "-") return {"standard input", "pipe:0", nullptr, true};
  const std::string name = format_name(address);
  if (name.empty() || is_protocol(name)) return {address, address, nullptr, false};
  const StreamAddress split{address, address.substr(name.size() + 1), find_format(name), false};
  require(split.format != nullptr,
          Errc::kUnsupported,
          address,
          ": '",
          name,
          "' is no format and no protocol of this FFmpeg; cameras and other devices need ",
          device_library(),
          " (Debian: libavdevice",
          LIBAVFORMAT_VERSION_MAJOR,
          ")");
  return split;
}

FormatHandle open_stream(const StreamAddress& address) {
  forget_messages();
  AVDictionary* options = nullptr;
  // What comes by standard input may be anybody's: it opens nothing else.
  if (address.is_input) av_dict_set(&options, "protocol_whitelist", "pipe", 0);
  AVFormatContext* format = nullptr;
  const int code = avformat_open_input(&format, address.url.c_str(), address.format, &options);
  av_dict_free(&options);
  if (code < 0) {
    throw ffmpeg_error(code, address.name + ": cannot be opened as a video stream");
  }
  return FormatHandle(format);
}

/// `work()`, the stream's name before what it throws.
template <typename Work>
auto named(const std::string& name, const Work& work) {
  try {
    return work();
  } catch (const pipeline::Error& error) {
    throw error.within(name);
  }
}

class DecodedStream final : public VideoStream {
 public:
  explicit DecodedStream(const StreamAddress& address)
      : name_(address.name), format_(open_stream(address)), packet_(make_packet()) {
    const int code = avformat_find_stream_info(format_.get(), nullptr);
    if (code < 0) throw ffmpeg_error(code, name_ + ": no stream can be read");
    for (unsigned i = 0; i < format_->nb_streams; ++i) {
      AVStream* const stream = format_->streams[i];
      if (shows_video(*stream) && stream_ == nullptr) stream_ = stream;
      if (stream != stream_) stream->discard = AVDISCARD_ALL;
    }
    require(stream_ != nullptr, Errc::kUnsupported, name_, ": no video stream");
    decoder_ = named(name_, [&] {
      return std::make_unique<VideoDecoder>(*stream_, stream_->codecpar->video_delay);
    });
  }

  const std::string& name() const override { return name_; }
  double frames_per_second() const override {
    const AVRational rate = av_guess_frame_rate(format_.get(), stream_, nullptr);
    return rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0.0;
  }
  std::optional<StreamFrame> next() override;
  void require_whole() const override;

 private:
  StreamFrame shown(const AVFrame& frame);
  void feed();

  std::string name_;
  FormatHandle format_;
  PacketHandle packet_;
  AVStream* stream_ = nullptr;  // in format_
  std::unique_ptr<VideoDecoder> decoder_;
  std::unique_ptr<FrameConverter> converter_;  // since the first frame, whose size all have
  std::int64_t frames_ = 0;
  std::int64_t refused_before_ = 0;  // a stream that is joined begins in the middle
  std::int64_t patched_ = 0;         // frames, behind the first one
  std::int64_t partial_ = 0;         // packets that are not all there
  std::int64_t first_time_ = AV_NOPTS_VALUE;
  bool has_ended_ = false;
  int fault_ = 0;  // what it broke off with, told behind the last frame
};

/// One packet to the decoder, or the end.
void DecodedStream::feed() {
  constexpr unsigned kNapMicroseconds = 1000;
  av_packet_unref(packet_.get());
  const int code = av_read_frame(format_.get(), packet_.get());
  if (code == AVERROR(EAGAIN)) {  // a device without a picture yet
    av_usleep(kNapMicroseconds);
    return;
  }
  if (code < 0) {
    const int system = format_->pb == nullptr ? 0 : format_->pb->error;
    const int fault = code != AVERROR_EOF ? code : system;
    if (fault < 0 && fault != AVERROR_EOF) fault_ = fault;
    has_ended_ = true;
    decoder_->send_end();
    return;
  }
  if (packet_->stream_index != stream_->index || packet_->size == 0) return;
  if ((packet_->flags & AV_PKT_FLAG_CORRUPT) != 0) ++partial_;
  decoder_->send(*packet_, false);
}

StreamFrame DecodedStream::shown(const AVFrame& frame) {
  if (converter_ == nullptr) {
    const Orientation turned = orientation_of(display_matrix(*stream_));
    converter_ = std::make_unique<FrameConverter>(frame.width, frame.height, turned);
    refused_before_ = decoder_->refused();
  }
  if (frames_ > 0 && is_patched(frame)) ++patched_;
  const std::int64_t time = frame.best_effort_timestamp;
  if (first_time_ == AV_NOPTS_VALUE) first_time_ = time;
  StreamFrame next{
      frames_++, std::nullopt, named(name_, [&] { return converter_->convert(frame); })};
  if (time != AV_NOPTS_VALUE) {
    next.seconds = static_cast<double>(time - first_time_) * av_q2d(stream_->time_base);
  }
  return next;
}

std::optional<StreamFrame> DecodedStream::next() {
  for (;;) {
    if (const AVFrame* const frame = decoder_->receive()) return shown(*frame);
    if (has_ended_) return std::nullopt;
    feed();
  }
}

void DecodedStream::require_whole() const {
  if (fault_ < 0) {
    const std::string what = text_of(name_, ": broken off after ", frames_, " frames");
    throw pipeline::Error(Errc::kCorruptData, ffmpeg_error(fault_, what).what());
  }
  require(frames_ > 0, Errc::kCorruptData, name_, ": ended without a frame that can be decoded");
  // A partial one may be refused as well: the larger number is how many there are at least.
  const std::int64_t lost = std::max(decoder_->refused() - refused_before_, partial_);
  require(lost == 0 && patched_ == 0,
          Errc::kCorruptData,
          name_,
          ": damaged or cut: of ",
          frames_,
          " frames ",
          patched_,
          " are patched, and ",
          lost,
          " packets are broken");
}

}  // namespace

std::unique_ptr<VideoStream> VideoStream::open(const std::string& address) {
  prepare_ffmpeg();
  return std::make_unique<DecodedStream>(parse_address(address));
}

}  // namespace larkspur::readers
