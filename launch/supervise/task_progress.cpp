// SPDX-License-Identifier: Apache-2.0
#include "launch/supervise/task_progress.h"

#include <cstdlib>
#include <ostream>
#include <string_view>
#include <utility>

#include <unistd.h>

#include "pipeline/require.h"

namespace larkspur::launch {

Audience audience_of_stderr(int ranks, bool prints_lines) {
  const char* const progress = std::getenv("LARKSPUR_PROGRESS");
  const bool launched = progress != nullptr && std::string_view(progress) == "launch";
  const bool is_watched = ::isatty(STDERR_FILENO) == 1 && ranks == 1 && !launched;
  const bool is_shared = prints_lines && ::isatty(STDOUT_FILENO) == 1;
  return is_watched && !is_shared ? Audience::kPerson : Audience::kFile;
}

TaskProgress::TaskProgress(std::ostream& out, TaskOptions options, std::function<double()> seconds)
    : out_(out), options_(std::move(options)), seconds_(std::move(seconds)), began_(seconds_()) {}

TaskProgress::TaskProgress(std::ostream& out, TaskOptions options)
    : TaskProgress(out, std::move(options), steady_seconds) {}

TaskProgress::~TaskProgress() { wipe(); }

void TaskProgress::wipe() {
  if (has_drawn_ && options_.audience == Audience::kPerson) out_ << "\r\x1b[K" << std::flush;
  has_drawn_ = false;
}

void TaskProgress::at(std::int64_t done, std::int64_t total) {
  if (done >= total) return wipe();
  const double now = seconds_();
  const bool is_watched = options_.audience == Audience::kPerson;
  const double interval =
      is_watched ? options_.person_interval_seconds : options_.file_interval_seconds;
  if (now - began_ < options_.quiet_seconds || done <= 0) return;
  if (has_drawn_ && now - drawn_ < interval) return;
  has_drawn_ = true;
  drawn_ = now;
  const double left =
      (now - began_) / static_cast<double>(done) * static_cast<double>(total - done);
  const std::string text = pipeline::text_of(
      options_.verb, " ", done, "/", total, " ", options_.unit, "  left ", duration_text(left));
  out_.clear();  // a line that could not be written is lost, the next one may not be
  if (is_watched) {
    out_ << "\r" << bar_text(done, total, kBarWidth) << text << "\x1b[K" << std::flush;
  } else {
    out_ << text << std::endl;
  }
}

}  // namespace larkspur::launch
