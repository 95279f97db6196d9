// SPDX-License-Identifier: Apache-2.0
// A run's steps as a person wants to see them: one line that is drawn over itself where somebody
// watches, a plain line now and then where the words go to a file.
//
//   [=========>          ] step 480/1000  epoch 2  loss 0.8312  top-1 71.9 %  210 samples/s  left
//   0:42
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

#include "pipeline/metrics.h"

namespace larkspur::launch {

/// "0:42", "1:02:03"; negative counts as zero.
std::string duration_text(double seconds);

/// The numbers of a step, without a bar: "step 480/1000  epoch 2  loss 0.8312 ...". Unreadable
/// samples and the time left are named only when there are some. Epochs count from 1, as people do.
std::string progress_text(const pipeline::StepMetrics& metrics,
                          std::int64_t total_steps,
                          std::optional<double> seconds_left);

/// "[====>    ] ", `width` places between the brackets; full at done == total; total > 0.
std::string bar_text(std::int64_t done, std::int64_t total, int width);

/// Places between a bar's brackets, wherever one is drawn.
inline constexpr int kBarWidth = 20;

/// The machine's clock that never goes back.
double steady_seconds();

/// Whether a person watches the stream; the caller knows (a rank under mpirun never asks a
/// terminal).
enum class Audience : std::uint8_t { kPerson, kFile };

struct ProgressOptions {
  std::int64_t total_steps = 0;  ///< of the whole run, those before a resume too; > 0
  Audience audience = Audience::kFile;
  double person_interval_seconds = 0.1;  ///< between redraws
  double file_interval_seconds = 30.0;   ///< between plain lines, but for the first two

  /// Throws kInvalidArgument when total_steps or an interval is not positive.
  void check() const;
};

/// Draws the first step, the last, and those between that come after an interval; the second plain
/// line comes after two seconds, since the first cannot tell the time left. That is judged from the
/// steps of this start only. One thread at a time; the stream outlives it.
class ProgressBar : public pipeline::MetricSink {
 public:
  /// `seconds`: a clock that never goes back; its zero does not matter.
  ProgressBar(std::ostream& out, const ProgressOptions& options, std::function<double()> seconds);

  /// With the machine's steady clock.
  ProgressBar(std::ostream& out, const ProgressOptions& options);

  /// Ends a drawn line, so that what comes next begins its own.
  ~ProgressBar() override;
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ProgressBar(ProgressBar&&) = delete;
  ProgressBar& operator=(ProgressBar&&) = delete;

  /// Says that the first step after `done` is under way: it may take long, and nothing else tells.
  void wait_for_first(std::int64_t done);

  void step(const pipeline::StepMetrics& metrics) override;

  /// Wipes a drawn line, so that other words can be written; the next step draws it again.
  void make_room();

 private:
  std::optional<double> seconds_left(std::int64_t step, double now) const;
  void draw(std::int64_t step, const std::string& text);

  std::ostream& out_;
  ProgressOptions options_;
  std::function<double()> seconds_;
  std::int64_t first_step_ = 0;  // 0: none seen
  double first_seconds_ = 0.0;
  double drawn_seconds_ = 0.0;
  bool has_told_left_ = false;
  bool line_open_ = false;
};

}  // namespace larkspur::launch
