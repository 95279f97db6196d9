// SPDX-License-Identifier: Apache-2.0
// Windows that slide over a stream, each a sample: what a video file of those frames would give.
//
//   frame n -- does a window look at it? -- crop, resize, normalise -- kept until the last window
//   that looks at it is whole:  window k is frames [k hop, k hop + length)
//
// Views of a window are those that an evaluation has of a file of `length` frames.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "pipeline/plan/clip_views.h"
#include "pipeline/sample.h"
#include "readers/video/clip_source.h"
#include "readers/video/video_stream.h"

namespace larkspur::readers {

/// Frames: nine hours at 30 a second.
inline constexpr std::int64_t kLongestWindow = std::int64_t{1} << 20;

struct WindowOptions {
  std::int64_t length = 0;  ///< frames of a window, [1, kLongestWindow]
  std::int64_t hop = 0;     ///< frames from one window's first to that of the next, > 0
  pipeline::ClipSampling sampling{};
  pipeline::ClipViews views{};               ///< with their sizes (pipeline::sized)
  ClipProduct product = ClipProduct::kClip;  ///< kImage: sampling.frames is 1
  at::ScalarType pixels = at::kFloat;        ///< as ClipSourceOptions has them
  std::uint64_t seed = 0;                    ///< keys sampling.shuffle_frames
  double frames_per_second = 0.0;            ///< of the stream; 0: unknown

  /// Throws kInvalidArgument naming the field at fault and its value.
  void check() const;
};

/// Frames that one clip spans by its stride: the least that a window needs to be looked at as
/// training did.
std::int64_t clip_span(const pipeline::ClipSampling& sampling);

/// A window, as the network takes it.
struct StreamWindow {
  std::int64_t index = 0;               ///< from 0
  std::int64_t first_frame = 0;         ///< number of its first frame
  std::int64_t frames = 0;              ///< its length; less where the stream ended in it
  std::optional<double> first_seconds;  ///< of its first frame
  std::optional<double> last_seconds;   ///< of its last one
  std::vector<pipeline::Sample> views;
};

/// What is kept of frames, at most; more is kInvalidArgument with the way out.
inline constexpr std::int64_t kMostWindowBytes = std::int64_t{1} << 30;

/// Not thread-safe. Memory: the parts that views take of the frames of the windows that are not
/// whole yet, uint8.
class StreamWindows {
 public:
  /// Throws kInvalidArgument for options out of range.
  explicit StreamWindows(const WindowOptions& options);

  /// The next frame of the stream; the window that it completes, if it does. Throws
  /// kInvalidArgument where windows would keep more than kMostWindowBytes, kUnsupported for frames
  /// too narrow to be resized.
  std::optional<StreamWindow> add(const StreamFrame& frame);

  /// The stream is over: the window that its last frames are in, filled up with the last one, where
  /// no window has had them. The picture of the last frame must still be there.
  std::optional<StreamWindow> finish();

 private:
  /// A part of a frame that views take.
  struct Part {
    pipeline::ClipPlan plan;
    bool operator==(const pipeline::ClipPlan& other) const {
      return plan.box == other.box && plan.resized == other.resized;
    }
  };

  void plan(const RgbFrame& picture);
  bool is_looked_at(std::int64_t number) const;
  std::vector<at::Tensor> parts_of(const RgbFrame& picture) const;
  StreamWindow window(std::int64_t frames);

  WindowOptions options_;
  pipeline::VideoShape shape_;
  std::vector<pipeline::ClipPlan> plans_;  ///< one a view; empty before the first frame
  std::vector<std::int64_t> offsets_;      ///< frames of a window that a view takes
  std::vector<Part> parts_;
  std::vector<std::size_t> part_of_view_;
  std::map<std::int64_t, std::vector<at::Tensor>> kept_;  ///< by number: [3, S, S] a part
  std::deque<std::optional<double>> starts_;              ///< seconds, of windows not whole yet
  StreamFrame last_;
  std::int64_t frames_ = 0;
  std::int64_t windows_ = 0;  ///< handed out
};

}  // namespace larkspur::readers
