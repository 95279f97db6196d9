// SPDX-License-Identifier: Apache-2.0
#include "readers/video/video_writer.h"

#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

extern "C" {
#include <libavutil/opt.h>
}

#include "pipeline/require.h"
#include "readers/video/ffmpeg_handles.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::require;
using pipeline::require_within;

struct CloseOutput {
  void operator()(AVFormatContext* container) const noexcept {
    if (container->pb != nullptr) avio_closep(&container->pb);
    avformat_free_context(container);
  }
};
using OutputHandle = std::unique_ptr<AVFormatContext, CloseOutput>;

const AVCodec* h264_encoder() { return avcodec_find_encoder_by_name("libx264"); }

/// A file that is removed again unless it is kept.
class UnfinishedFile {
 public:
  explicit UnfinishedFile(std::filesystem::path path) : path_(std::move(path)) {}
  UnfinishedFile(const UnfinishedFile&) = delete;
  UnfinishedFile& operator=(const UnfinishedFile&) = delete;
  ~UnfinishedFile() {
    std::error_code ignored;
    if (!kept_) std::filesystem::remove(path_, ignored);
  }
  void keep() { kept_ = true; }

 private:
  std::filesystem::path path_;
  bool kept_ = false;
};

/// One file being written. Every call that fails throws kIo with the file's name.
class Writer {
 public:
  Writer(const std::filesystem::path& path, const VideoFormat& format)
      : path_(path.string()), format_(format) {
    open_codec();
    open_container();
    make_buffers();
  }

  void add(std::int64_t number, std::span<const std::uint8_t> rgb) {
    check(av_frame_make_writable(frame_.get()), "a frame's memory");
    const std::uint8_t* rows[] = {rgb.data()};
    const int row_bytes[] = {static_cast<int>(3 * format_.width)};
    sws_scale(scaler_.get(),
              rows,
              row_bytes,
              0,
              static_cast<int>(format_.height),
              frame_->data,
              frame_->linesize);
    frame_->pts = number;
    check(avcodec_send_frame(codec_.get(), frame_.get()), "a frame");
    write_packets();
  }

  void finish() {
    check(avcodec_send_frame(codec_.get(), nullptr), "the last frame");
    write_packets();
    check(av_write_trailer(container_.get()), "the index");
    check(avio_closep(&container_->pb), "the last bytes");
    unfinished_->keep();
  }

 private:
  int check(int answer, const char* what) const {
    if (answer >= 0) return answer;
    const pipeline::Error error = ffmpeg_error(answer, path_ + ": cannot write " + what);
    throw pipeline::Error(Errc::kIo, error.what());
  }

  void open_codec() {
    codec_.reset(avcodec_alloc_context3(h264_encoder()));
    require(codec_ != nullptr, Errc::kIo, path_, ": no memory for the encoder");
    codec_->width = static_cast<int>(format_.width);
    codec_->height = static_cast<int>(format_.height);
    codec_->pix_fmt = AV_PIX_FMT_YUV420P;
    codec_->colorspace = AVCOL_SPC_SMPTE170M;
    codec_->color_range = AVCOL_RANGE_MPEG;
    codec_->time_base = {1, static_cast<int>(format_.frames_per_second)};
    codec_->framerate = {static_cast<int>(format_.frames_per_second), 1};
    codec_->gop_size = static_cast<int>(format_.key_distance);
    codec_->thread_count = 1;
    codec_->flags |= AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_GLOBAL_HEADER;
    // Nothing that looks at neighbouring frames or at the processor. ipratio: key frames get
    // the quantiser itself, not a finer one.
    const std::string options = "qp=" + std::to_string(format_.quantiser) +
                                ":ipratio=1:aq-mode=0:mbtree=0:rc-lookahead=0:scenecut=0:threads=1:"
                                "cpu-independent=1:log-level=0";
    check(av_opt_set(codec_->priv_data, "x264-params", options.c_str(), 0), "with these options");
    check(av_opt_set(codec_->priv_data, "preset", "fast", 0), "with this preset");
    check(avcodec_open2(codec_.get(), h264_encoder(), nullptr), "with this encoder");
  }

  void open_container() {
    AVFormatContext* container = nullptr;
    // The prefix keeps a name with a colon from being taken for an address.
    const std::string address = "file:" + path_;
    check(avformat_alloc_output_context2(&container, nullptr, "mp4", address.c_str()), "MP4");
    container_.reset(container);
    container_->flags |= AVFMT_FLAG_BITEXACT;
    stream_ = avformat_new_stream(container_.get(), nullptr);
    require(stream_ != nullptr, Errc::kIo, path_, ": no memory for the stream");
    stream_->time_base = codec_->time_base;
    stream_->avg_frame_rate = codec_->framerate;
    check(avcodec_parameters_from_context(stream_->codecpar, codec_.get()), "the stream's header");
    check(avio_open(&container_->pb, address.c_str(), AVIO_FLAG_WRITE), "the file");
    unfinished_.emplace(path_);  // there is a file now
    check(avformat_write_header(container_.get(), nullptr), "the header");
  }

  void make_buffers() {
    frame_->format = AV_PIX_FMT_YUV420P;
    frame_->width = codec_->width;
    frame_->height = codec_->height;
    check(av_frame_get_buffer(frame_.get(), 0), "a frame's memory");
    scaler_.reset(sws_getContext(codec_->width,
                                 codec_->height,
                                 AV_PIX_FMT_RGB24,
                                 codec_->width,
                                 codec_->height,
                                 AV_PIX_FMT_YUV420P,
                                 SWS_BICUBIC | SWS_BITEXACT | SWS_ACCURATE_RND,
                                 nullptr,
                                 nullptr,
                                 nullptr));
    require(scaler_ != nullptr, Errc::kIo, path_, ": no conversion of colours");
  }

  void write_packets() {
    for (;;) {
      const int answer = avcodec_receive_packet(codec_.get(), packet_.get());
      if (answer == AVERROR(EAGAIN) || answer == AVERROR_EOF) return;
      check(answer, "a packet");
      packet_->duration = 1;
      packet_->stream_index = stream_->index;
      av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
      check(av_interleaved_write_frame(container_.get(), packet_.get()), "a packet");
    }
  }

  std::string path_;
  VideoFormat format_;
  std::optional<UnfinishedFile> unfinished_;  // removes it when the container is closed
  CodecHandle codec_;
  OutputHandle container_;
  AVStream* stream_ = nullptr;  ///< the container's
  PacketHandle packet_ = make_packet();
  FrameHandle frame_ = make_frame();
  ScalerHandle scaler_;
};

void check_side(const std::string& name, std::int64_t value) {
  require_within(name, value, 16, 4096);
  require(value % 2 == 0, Errc::kInvalidArgument, name, " is ", value, ", odd");
}

}  // namespace

void VideoFormat::check() const {
  check_side("[write_video] width", width);
  check_side("[write_video] height", height);
  require_within("[write_video] frames", frames, 1, 1'000'000);
  require_within("[write_video] frames_per_second", frames_per_second, 1, 240);
  require_within("[write_video] quantiser", quantiser, 0, 51);
  require_within("[write_video] key_distance", key_distance, 1, 1'000'000);
}

bool can_write_video() { return h264_encoder() != nullptr; }

void write_video(const std::filesystem::path& path,
                 const VideoFormat& format,
                 const DrawFrame& draw) {
  format.check();
  require(can_write_video(),
          Errc::kUnsupported,
          path.string(),
          ": this FFmpeg has no H.264 encoder (libx264) to write videos with");
  prepare_ffmpeg();
  forget_messages();
  Writer writer(path, format);
  constexpr std::size_t kSpareBytes = 64;  // the scaler reads whole vectors, also past the end
  const auto bytes = static_cast<std::size_t>(3 * format.width * format.height);
  std::vector<std::uint8_t> buffer(bytes + kSpareBytes);
  const std::span<std::uint8_t> rgb(buffer.data(), bytes);
  for (std::int64_t number = 0; number < format.frames; ++number) {
    draw(number, rgb);
    writer.add(number, rgb);
  }
  writer.finish();
}

}  // namespace larkspur::readers
