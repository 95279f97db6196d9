// SPDX-License-Identifier: Apache-2.0
#include "launch/supervise/progress_bar.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iomanip>
#include <ostream>
#include <sstream>
#include <utility>

#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

constexpr double kFirstLeftSeconds = 2.0;

}  // namespace

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string duration_text(double seconds) {
  const auto whole = std::llround(std::max(seconds, 0.0));
  std::ostringstream text;
  text << std::setfill('0');
  if (whole >= 3600) text << whole / 3600 << ":" << std::setw(2);
  text << whole / 60 % 60 << ":" << std::setw(2) << whole % 60;
  return text.str();
}

std::string progress_text(const pipeline::StepMetrics& metrics,
                          std::int64_t total_steps,
                          std::optional<double> seconds_left) {
  std::ostringstream text;
  text << std::fixed << "step " << metrics.step << "/" << total_steps << "  epoch "
       << metrics.epoch + 1 << "  loss " << std::setprecision(4) << metrics.loss << "  top-1 "
       << std::setprecision(1) << metrics.accuracy << " %  " << std::setprecision(0)
       << metrics.samples_per_second << " samples/s";
  if (seconds_left) text << "  left " << duration_text(*seconds_left);
  if (metrics.bad_samples > 0) text << "  unreadable " << metrics.bad_samples;
  return text.str();
}

std::string bar_text(std::int64_t done, std::int64_t total, int width) {
  const auto filled = static_cast<int>(std::clamp<std::int64_t>(done, 0, total) * width / total);
  std::string bar(static_cast<std::size_t>(filled), '=');
  if (filled < width) bar += '>';
  bar.resize(static_cast<std::size_t>(width), ' ');
  return "[" + bar + "] ";
}

void ProgressOptions::check() const {
  using pipeline::Errc;
  pipeline::require(total_steps > 0,
                    Errc::kInvalidArgument,
                    "[progress_bar] total_steps is ",
                    total_steps,
                    ", not > 0");
  pipeline::require(person_interval_seconds > 0 && file_interval_seconds > 0,
                    Errc::kInvalidArgument,
                    "[progress_bar] intervals are ",
                    person_interval_seconds,
                    " and ",
                    file_interval_seconds,
                    " s, not > 0");
}

ProgressBar::ProgressBar(std::ostream& out,
                         const ProgressOptions& options,
                         std::function<double()> seconds)
    : out_(out), options_(options), seconds_(std::move(seconds)) {
  options_.check();
}

ProgressBar::ProgressBar(std::ostream& out, const ProgressOptions& options)
    : ProgressBar(out, options, steady_seconds) {}

ProgressBar::~ProgressBar() {
  if (line_open_) out_ << std::endl;
}

void ProgressBar::make_room() {
  if (!line_open_) return;
  out_ << "\r\x1b[K" << std::flush;
  line_open_ = false;
}

std::optional<double> ProgressBar::seconds_left(std::int64_t step, double now) const {
  if (step <= first_step_) return std::nullopt;
  const double a_step = (now - first_seconds_) / static_cast<double>(step - first_step_);
  return a_step * static_cast<double>(options_.total_steps - step);
}

void ProgressBar::wait_for_first(std::int64_t done) {
  draw(done,
       pipeline::text_of("step ", done, "/", options_.total_steps, ", the next is under way"));
}

void ProgressBar::step(const pipeline::StepMetrics& metrics) {
  const double now = seconds_();
  const bool first = first_step_ == 0;
  if (first) {
    first_step_ = metrics.step;
    first_seconds_ = now;
  }
  const double interval = options_.audience == Audience::kPerson ? options_.person_interval_seconds
                          : has_told_left_                       ? options_.file_interval_seconds
                                                                 : kFirstLeftSeconds;
  const bool last = metrics.step >= options_.total_steps;
  if (!first && !last && now - drawn_seconds_ < interval) return;
  drawn_seconds_ = now;
  has_told_left_ = !first;
  draw(metrics.step, progress_text(metrics, options_.total_steps, seconds_left(metrics.step, now)));
}

void ProgressBar::draw(std::int64_t step, const std::string& text) {
  out_.clear();  // a line that could not be written is lost, the next one may not be
  if (options_.audience != Audience::kPerson) {
    out_ << text << std::endl;
    return;
  }
  // Back to the first column, and clear what a longer line left behind it.
  out_ << "\r" << bar_text(step, options_.total_steps, kBarWidth) << text << "\x1b[K" << std::flush;
  line_open_ = true;
}

}  // namespace larkspur::launch
