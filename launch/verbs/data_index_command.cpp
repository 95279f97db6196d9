// SPDX-License-Identifier: Apache-2.0
// `data index`: reads videos through once and keeps what that tells, for trainings to come.
#include <atomic>
#include <chrono>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include "launch/run/dataset.h"
#include "launch/supervise/progress_bar.h"
#include "launch/verbs/command_line.h"
#include "launch/verbs/commands.h"
#include "pipeline/require.h"
#include "readers/file_kind.h"
#include "readers/list/media_files.h"
#include "readers/video/index_cache.h"

namespace larkspur::launch {
namespace {

using pipeline::Errc;
using pipeline::require;
using pipeline::text_of;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kMostWorkers = 256;
constexpr int kBarWidth = 20;

/// How many videos are done, drawn over itself where somebody watches, else a line now and then.
/// Thread-safe.
class Progress {
 public:
  explicit Progress(std::int64_t total) : total_(total) {}
  ~Progress() {
    if (is_drawn_ && is_watched_) std::cerr << std::endl;
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void count() {
    const std::lock_guard lock(mutex_);
    ++done_;
    const std::chrono::duration<double> whole = Clock::now() - start_;
    const double interval = is_watched_ ? 0.1 : 30.0;
    if (whole.count() - drawn_ < interval && !(is_drawn_ && done_ == total_)) return;
    drawn_ = whole.count();
    is_drawn_ = true;
    const double rate = static_cast<double>(done_) / whole.count();
    const std::string text = text_of(done_,
                                     "/",
                                     total_,
                                     " videos, ",
                                     static_cast<std::int64_t>(rate),
                                     " a second, left ",
                                     duration_text(static_cast<double>(total_ - done_) / rate));
    if (is_watched_) {
      std::cerr << "\r" << bar_text(done_, total_, kBarWidth) << text << "\x1b[K" << std::flush;
    } else {
      std::cerr << text << std::endl;
    }
  }

 private:
  std::mutex mutex_;
  const std::int64_t total_;
  const bool is_watched_ = ::isatty(STDERR_FILENO) == 1;
  const Clock::time_point start_ = Clock::now();
  std::int64_t done_ = 0;
  double drawn_ = 0.0;  // seconds after the start
  bool is_drawn_ = false;
};

/// What became of the files.
struct Outcome {
  std::int64_t known = 0;
  std::int64_t indexed = 0;
  std::vector<std::string> bad;  ///< by file, in the order of the list
};

Outcome index_all(const std::vector<readers::MediaFile>& videos,
                  const readers::IndexCache& cache,
                  std::int64_t workers) {
  Progress progress(std::ssize(videos));
  std::vector<std::string> errors(videos.size());
  std::atomic<std::size_t> next = 0;
  std::atomic<std::int64_t> known = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < videos.size(); i = next++) {
      const auto opened = cache.open(videos[i].path);
      if (!opened.ok()) errors[i] = opened.error().what();
      if (opened.ok() && opened.value().was_known) ++known;
      progress.count();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::int64_t i = 1; i < workers; ++i) threads.emplace_back(work);
    work();
  }
  std::erase(errors, "");
  const std::int64_t good = std::ssize(videos) - std::ssize(errors);
  return {known, good - known, std::move(errors)};
}

std::vector<readers::MediaFile> videos_of(const std::vector<std::string>& paths,
                                          const std::string& root) {
  std::vector<readers::MediaFile> videos;
  for (const std::string& path : paths) {
    for (readers::MediaFile& file : readers::find_media_files(path, root).files) {
      const readers::FileKind kind = readers::kind_of_name(file.path);
      const bool may_be = kind == readers::FileKind::kVideo || kind == readers::FileKind::kUnknown;
      if (may_be) videos.push_back(std::move(file));
    }
  }
  require(!videos.empty(), Errc::kInvalidArgument, "PATHS hold no video");
  return videos;
}

}  // namespace

void run_data_index(Invocation& call) {
  std::vector<std::string> paths;
  std::string root;
  std::string cache = "auto";
  std::int64_t workers = 1;
  CommandLine line(call,
                   "Indexes the videos of lists, folders and files ahead of a training: each is "
                   "read through once, and what was known already is left. Exit code 3 if one "
                   "cannot be indexed.",
                   "data/demo_videos --workers 2");
  line.rest("PATHS", "lists in any layout, folders, videos", paths);
  line.option("--root", "folder that a list's paths start at; else the list's own", root);
  line.option("--cache", "folder of the indexes, as data.index_cache; auto", cache);
  line.option("--workers", "threads, 1 to 256", workers);
  if (!line.parse()) return;
  require(
      !paths.empty(), Errc::kInvalidArgument, "PATHS is required; see '", call.path, " --help'");
  pipeline::require_within("--workers", workers, 1, kMostWorkers);
  const std::filesystem::path folder = index_folder(cache).path;
  require(!folder.empty(), Errc::kInvalidArgument, "--cache: no folder to keep indexes in");
  const std::vector<readers::MediaFile> videos = videos_of(paths, root);
  call.phase = Phase::kRun;
  const Outcome outcome = index_all(videos, readers::IndexCache({folder}), workers);
  call.out << folder.string() << ": " << outcome.indexed << " videos indexed, " << outcome.known
           << " known already, " << outcome.bad.size() << " bad\n";
  for (const std::string& error : outcome.bad) call.out << "bad   " << error << "\n";
  call.out.flush();  // before an error ends the program
  require(outcome.bad.empty(),
          Errc::kCorruptData,
          outcome.bad.size(),
          " of ",
          videos.size(),
          " videos cannot be indexed");
}

}  // namespace larkspur::launch
