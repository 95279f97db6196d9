// SPDX-License-Identifier: Apache-2.0
#include "readers/video/frame_converter.h"

#include <new>

extern "C" {
#include <libavutil/pixdesc.h>
}

#include "pipeline/require.h"

namespace larkspur::readers {
namespace {

// swscale writes whole groups of pixels, also past the end of a row, and leaves the last group out
// where a row has no room for it. Rows of whole groups of 64 pixels have room for all of its
// versions, and begin on a cache line.
constexpr std::int64_t kGroupPixels = 64;
constexpr std::int64_t kSpareBytes = 64;

std::int64_t row_bytes(std::int64_t width) {
  return 3 * ((width + kGroupPixels - 1) / kGroupPixels * kGroupPixels);
}

std::unique_ptr<std::uint8_t[]> rows_of(std::int64_t width, std::int64_t height) {
  const auto bytes = static_cast<std::size_t>(row_bytes(width) * height + kSpareBytes);
  return std::make_unique_for_overwrite<std::uint8_t[]>(bytes);
}

int matrix_of(AVColorSpace space) {
  switch (space) {
    case AVCOL_SPC_BT709:
    case AVCOL_SPC_FCC:
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M:
    case AVCOL_SPC_SMPTE240M:
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
      return space;  // the scaler's numbers are those of the standard
    default:
      return SWS_CS_DEFAULT;
  }
}

void set_colours(SwsContext* scaler, AVColorRange range, int matrix) {
  int* from = nullptr;
  int* to = nullptr;
  int is_full = 0;
  int is_full_out = 0;
  int brightness = 0;
  int contrast = 0;
  int saturation = 0;
  // Refused where no YUV is converted: nothing to set there.
  if (sws_getColorspaceDetails(
          scaler, &from, &is_full, &to, &is_full_out, &brightness, &contrast, &saturation) < 0) {
    return;
  }
  if (range != AVCOL_RANGE_UNSPECIFIED) is_full = range == AVCOL_RANGE_JPEG ? 1 : 0;
  sws_setColorspaceDetails(scaler,
                           sws_getCoefficients(matrix),
                           is_full,
                           to,
                           is_full_out,
                           brightness,
                           contrast,
                           saturation);
}

}  // namespace

FrameConverter::FrameConverter(std::int64_t width, std::int64_t height, Orientation orientation)
    : width_(width), height_(height), orientation_(orientation) {}

void FrameConverter::prepare(const AVFrame& frame) {
  const Source source{
      frame.width, frame.height, frame.format, matrix_of(frame.colorspace), frame.color_range};
  if (scaler_ != nullptr && source == source_) return;
  const auto format = static_cast<AVPixelFormat>(frame.format);
  const char* const name = av_get_pix_fmt_name(format);
  pipeline::require(sws_isSupportedInput(format) != 0,
                    pipeline::Errc::kUnsupported,
                    "frames of pixel format ",
                    name == nullptr ? "unknown" : name);
  scaler_.reset(sws_getContext(frame.width,
                               frame.height,
                               format,
                               static_cast<int>(width_),
                               static_cast<int>(height_),
                               AV_PIX_FMT_RGB24,
                               SWS_BICUBIC,
                               nullptr,
                               nullptr,
                               nullptr));
  pipeline::require(scaler_ != nullptr,
                    pipeline::Errc::kUnsupported,
                    "frames of ",
                    frame.width,
                    "x",
                    frame.height,
                    " in ",
                    name);
  set_colours(scaler_.get(), frame.color_range, source.matrix);
  source_ = source;
}

RgbFrame FrameConverter::convert(const AVFrame& frame) {
  prepare(frame);
  if (coded_ == nullptr) coded_ = rows_of(width_, height_);
  const std::int64_t coded_row = row_bytes(width_);
  std::uint8_t* const planes[] = {coded_.get(), nullptr, nullptr, nullptr};
  const int strides[] = {static_cast<int>(coded_row), 0, 0, 0};
  const int code =
      sws_scale(scaler_.get(), frame.data, frame.linesize, 0, frame.height, planes, strides);
  if (code < 0) throw ffmpeg_error(code, "colour conversion");
  if (orientation_ == Orientation{}) return {coded_.get(), coded_row, width_, height_};
  if (shown_ == nullptr) shown_ = rows_of(width(), height());
  const std::int64_t shown_row = row_bytes(width());
  turn({shown_.get(), shown_row}, {coded_.get(), coded_row}, width_, height_, orientation_);
  return {shown_.get(), shown_row, width(), height()};
}

}  // namespace larkspur::readers
