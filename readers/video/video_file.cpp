// SPDX-License-Identifier: Apache-2.0
#include "readers/video/video_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <new>
#include <numeric>
#include <string>
#include <utility>

#include <ATen/ops/empty.h>

#include "pipeline/file_guard.h"
#include "pipeline/require.h"
#include "readers/list/folder_walk.h"
#include "readers/video/frame_converter.h"
#include "readers/video/frame_cursor.h"
#include "readers/video/frame_folder.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::Error;
using pipeline::require;
using pipeline::Result;
using pipeline::text_of;
using Numbers = std::vector<std::int64_t>;

/// `work()`, what it throws turned into a value: one file never ends a run.
template <typename Work>
auto as_result(const std::string& name, const Work& work) -> Result<decltype(work())> {
  try {
    return work();
  } catch (const Error& error) {
    return error;
  } catch (...) {
    return pipeline::error_of_file(name);
  }
}

std::string because() {
  const std::string message = last_message();
  return message.empty() ? "" : ": " + message;
}

class DecodedVideo final : public VideoFile {
 public:
  DecodedVideo(std::unique_ptr<ByteSource> source, const VideoRecord* known)
      : walk_(std::move(source), known != nullptr ? &known->index : nullptr) {
    const AVCodecParameters& parameters = *walk_.container().stream().codecpar;
    width_ = parameters.width;
    height_ = parameters.height;
    if (known != nullptr) {
      remember(*known);
    } else if (walk_.is_counting()) {
      count();
    } else {
      settle();
    }
    require(frames_ > 0, Errc::kCorruptData, name(), ": no frame can be decoded", because());
    const Orientation turned = orientation_of(display_matrix(walk_.container().stream()));
    converter_ = std::make_unique<FrameConverter>(width_, height_, turned);
  }

  std::int64_t frames() const override { return frames_; }
  std::int64_t width() const override { return converter_->width(); }
  std::int64_t height() const override { return converter_->height(); }
  double frames_per_second() const override { return rate_; }
  std::shared_ptr<const VideoRecord> record() const override {
    return std::make_shared<VideoRecord>(
        VideoRecord{walk_.index(), frames_, width_, height_, rate_, refused_});
  }

  Result<std::int64_t> read(std::span<const std::int64_t> numbers, const Take& take) override;

  VideoFacts check();

 private:
  using Lose = std::function<void(std::int64_t number)>;  // a frame that does not come out

  const std::string& name() const { return walk_.container().name(); }
  void remember(const VideoRecord& known);
  void count();
  void settle();
  bool knows_its_size() const;
  std::size_t read_some(std::span<const std::int64_t> wanted, const Take& take);
  void read_plainly(std::span<const std::int64_t> wanted, const Take& take, const Lose& lose);
  void walk(std::span<const std::int64_t> wanted, const Take& take, const Lose& lose);
  bool is_damaged(const NumberedFrame& frame, std::int64_t first) const;
  RgbFrame convert(const AVFrame& frame);

  FrameCursor walk_;
  std::unique_ptr<FrameConverter> converter_;
  std::int64_t width_ = 0;  // coded
  std::int64_t height_ = 0;
  std::int64_t frames_ = 0;
  std::int64_t refused_ = 0;  // packets, where frames were counted
  double rate_ = 0;
};

void DecodedVideo::remember(const VideoRecord& known) {
  width_ = known.width;
  height_ = known.height;
  frames_ = known.frames;
  rate_ = known.frames_per_second;
  refused_ = known.refused;
  // Of other bytes: a number outside would be read from memory that is none.
  const bool is_counted = walk_.is_counting() || frames_ == walk_.index().frames();
  require(is_counted && width_ > 0 && height_ > 0,
          Errc::kInvalidArgument,
          name(),
          ": the record is of another video");
}

// Only decoding tells how many frames there are.
void DecodedVideo::count() {
  struct Moment {
    std::int64_t number = 0;
    std::int64_t time = kNoTime;
  };
  Moment first;
  Moment last;
  walk_.restart();
  while (const auto frame = walk_.next()) {
    if (frames_++ == 0) {
      width_ = frame->frame->width;
      height_ = frame->frame->height;
    }
    const std::int64_t time = frame->frame->best_effort_timestamp;
    if (time == kNoTime) continue;
    last = {frame->number, time};
    if (first.time == kNoTime) first = last;
  }
  refused_ = walk_.refused();
  rate_ =
      average_rate(last.number - first.number + 1, first.time, last.time, walk_.container().unit());
}

// Codecs whose frames carry their size: what probing found is what it decoded.
bool DecodedVideo::knows_its_size() const {
  static constexpr std::array kCodecs{AV_CODEC_ID_H264,
                                      AV_CODEC_ID_HEVC,
                                      AV_CODEC_ID_AV1,
                                      AV_CODEC_ID_VP9,
                                      AV_CODEC_ID_MPEG4,
                                      AV_CODEC_ID_MPEG1VIDEO,
                                      AV_CODEC_ID_MPEG2VIDEO};
  const AVCodecID codec = walk_.container().stream().codecpar->codec_id;
  return std::find(kCodecs.begin(), kCodecs.end(), codec) != kCodecs.end() && width_ > 0 &&
         height_ > 0;
}

// Decodes the beginning where headers leave open whether its frames come out, or their size.
void DecodedVideo::settle() {
  VideoIndex& index = walk_.index();
  const Numbers uncertain = index.uncertain();
  frames_ = index.frames();
  rate_ = index.frames_per_second(walk_.container().unit());
  if (uncertain.empty() && knows_its_size()) return;
  const std::int64_t end = uncertain.empty() ? 0 : uncertain.back() + 1;
  Numbers seen;
  bool is_first = true;
  walk_.start(0, {});
  while (const auto frame = walk_.next()) {
    if (std::exchange(is_first, false)) {
      width_ = frame->frame->width;
      height_ = frame->frame->height;
    }
    if (frame->number >= end) break;
    seen.push_back(frame->number);
  }
  std::sort(seen.begin(), seen.end());
  Numbers lost;
  std::set_difference(
      uncertain.begin(), uncertain.end(), seen.begin(), seen.end(), std::back_inserter(lost));
  index.forget(lost);
  frames_ = is_first ? 0 : index.frames();
}

RgbFrame DecodedVideo::convert(const AVFrame& frame) {
  try {
    return converter_->convert(frame);
  } catch (const Error& error) {
    throw error.within(name());
  }
}

// Whether the decoder made something up since the walk began, for this frame or before it.
bool DecodedVideo::is_damaged(const NumberedFrame& frame, std::int64_t first) const {
  const bool leads = frame.number < first;  // shown before the start, and not whole
  return walk_.refused() > 0 || (!leads && is_patched(*frame.frame));
}

// The last packet that frames read in one walk need; nothing where that is not for certain.
std::optional<std::size_t> last_packet_of_walk(const VideoIndex& index,
                                               std::span<const std::int64_t> wanted,
                                               bool can_seek) {
  std::optional<std::size_t> last = index.last_packet(wanted.front());
  for (const std::int64_t number : wanted.subspan(1)) {
    if (!last || (can_seek && index.first_packet(number) > *last)) break;
    const auto own = index.last_packet(number);
    last = own ? std::optional(std::max(*last, *own)) : std::nullopt;
  }
  return last;
}

// Hands over frames until one is missing or a start further on is better; returns how many. A frame
// is held until all that it may refer to has come out undamaged: what the decoder makes up, and
// what refers to it, depends on where the walk began.
std::size_t DecodedVideo::read_some(std::span<const std::int64_t> wanted, const Take& take) {
  const VideoIndex& index = walk_.index();
  const std::size_t start = index.first_packet(wanted.front());
  const std::int64_t first = index.number_at(index.packets()[start].pts).value_or(0);
  std::deque<FrameHandle> held;
  std::size_t seen = 0;
  std::size_t done = 0;
  const auto hand_over_until = [&](std::int64_t number) {
    while (!held.empty() && index.last_stored_before(wanted[done]) <= number) {
      take(wanted[done++], convert(*held.front()));
      held.pop_front();
    }
  };
  walk_.start(start, wanted);
  const auto last = last_packet_of_walk(index, wanted, walk_.can_seek());
  if (last && walk_.can_skip()) walk_.end_after(*last);
  while (const auto frame = walk_.next()) {
    if (is_damaged(*frame, first)) return done;
    if (seen < wanted.size() && frame->number == wanted[seen]) {
      held.emplace_back(av_frame_clone(frame->frame));
      if (held.back() == nullptr) throw std::bad_alloc();
      ++seen;
    }
    hand_over_until(frame->number);
    // Without seeking the way to a start further on leads through the beginning again.
    const bool is_past = seen == wanted.size() || frame->number > wanted[seen];
    if (is_past || (walk_.can_seek() && index.first_packet(wanted[seen]) > walk_.packet())) {
      walk_.drain();
    }
  }
  if (walk_.refused() == 0) hand_over_until(frames_);
  return done;
}

// From the first packet, nothing left out: what comes out comes out, patched or not.
void DecodedVideo::read_plainly(std::span<const std::int64_t> wanted,
                                const Take& take,
                                const Lose& lose) {
  walk_.restart();
  auto frame = walk_.next();
  for (const std::int64_t number : wanted) {
    while (frame && frame->number < number) frame = walk_.next();
    if (frame && frame->number == number) {
      take(number, convert(*frame->frame));
    } else {
      lose(number);
    }
  }
}

// The one way to frames, of reading and of checking.
void DecodedVideo::walk(std::span<const std::int64_t> wanted, const Take& take, const Lose& lose) {
  forget_messages();
  while (!wanted.empty() && !walk_.is_counting()) {
    const std::size_t done = read_some(wanted, take);
    wanted = wanted.subspan(done);
    // A start may be none, a frame left out needed.
    if (done == 0) break;
  }
  if (!wanted.empty()) read_plainly(wanted, take, lose);
}

Result<std::int64_t> DecodedVideo::read(std::span<const std::int64_t> numbers, const Take& take) {
  return as_result(name(), [&] {
    const Numbers wanted = rising_frames(numbers, frames_, name());
    walk(wanted, take, [&](std::int64_t number) {
      throw Error(
          Errc::kCorruptData,
          text_of(name(), ": frame ", number, " of ", frames_, " cannot be decoded", because()));
    });
    return static_cast<std::int64_t>(wanted.size());
  });
}

VideoFacts DecodedVideo::check() {
  Numbers all(static_cast<std::size_t>(frames_));
  std::iota(all.begin(), all.end(), 0);
  std::int64_t decoded = 0;
  walk(
      all, [&](std::int64_t, const RgbFrame&) { ++decoded; }, [](std::int64_t) {});
  while (walk_.next()) {  // to the end, where a container may turn out to be cut off
  }
  require(decoded > 0, Errc::kCorruptData, name(), ": no frame can be decoded", because());
  require(decoded == frames_ && refused_ == 0,
          Errc::kCorruptData,
          name(),
          ": damaged, ",
          decoded,
          " of ",
          std::max(frames_, decoded + refused_),
          " frames can be decoded",
          because());
  require(!walk_.container().is_damaged(),
          Errc::kCorruptData,
          name(),
          ": damaged or cut off, ",
          decoded,
          " of an unknown number of frames can be decoded",
          because());
  return {decoded, width(), height()};
}

Result<VideoFacts> check_pictures(const std::filesystem::path& folder) {
  const auto opened = open_frame_folder(folder);
  if (!opened.ok()) return opened.error();
  VideoFile& video = *opened.value();
  Numbers all(static_cast<std::size_t>(video.frames()));
  std::iota(all.begin(), all.end(), 0);
  const auto read = video.read(all, [](std::int64_t, const RgbFrame&) {});
  if (!read.ok()) return read.error();
  return VideoFacts{read.value(), video.width(), video.height()};
}

}  // namespace

Result<std::unique_ptr<VideoFile>> VideoFile::open(const std::filesystem::path& path,
                                                   std::shared_ptr<const VideoRecord> known) {
  if (is_folder(path)) return open_frame_folder(path);
  return as_result(path.string(), [&]() -> std::unique_ptr<VideoFile> {
    return std::make_unique<DecodedVideo>(file_source(path), known.get());
  });
}

Result<std::unique_ptr<VideoFile>> VideoFile::open(std::unique_ptr<ByteSource> source,
                                                   std::shared_ptr<const VideoRecord> known) {
  const std::string name = source->name();
  return as_result(name, [&]() -> std::unique_ptr<VideoFile> {
    return std::make_unique<DecodedVideo>(std::move(source), known.get());
  });
}

std::string video_readers() {
  return text_of("avformat ", avformat_version(), " avcodec ", avcodec_version());
}

Result<VideoFacts> check_video(const std::filesystem::path& path) {
  if (is_folder(path)) return check_pictures(path);
  return as_result(path.string(), [&] { return DecodedVideo(file_source(path), nullptr).check(); });
}

Result<at::Tensor> read_frames(VideoFile& video, std::span<const std::int64_t> numbers) {
  const auto count = static_cast<std::int64_t>(numbers.size());
  at::Tensor frames = at::empty({count, video.height(), video.width(), 3}, at::kByte);
  const std::int64_t row_bytes = 3 * video.width();
  const std::int64_t bytes = row_bytes * video.height();
  auto* const all = frames.data_ptr<std::uint8_t>();
  const auto read = video.read(numbers, [&](std::int64_t number, const RgbFrame& frame) {
    for (std::int64_t i = 0; i < count; ++i) {
      if (numbers[static_cast<std::size_t>(i)] != number) continue;
      for (std::int64_t y = 0; y < frame.height; ++y) {
        std::memcpy(all + i * bytes + y * row_bytes,
                    frame.rgb + y * frame.row_bytes,
                    static_cast<std::size_t>(row_bytes));
      }
    }
  });
  if (!read.ok()) return read.error();
  return frames;
}

}  // namespace larkspur::readers
