// SPDX-License-Identifier: Apache-2.0
// `data index`: reads videos through once and keeps what that tells, for trainings to come.
#include <atomic>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "launch/run/dataset.h"
#include "launch/supervise/task_progress.h"
#include "launch/verbs/command_line.h"
#include "launch/verbs/commands.h"
#include "pipeline/require.h"
#include "readers/file_kind.h"
#include "readers/list/folder_walk.h"
#include "readers/list/frame_list.h"
#include "readers/list/media_files.h"
#include "readers/video/index_cache.h"

namespace larkspur::launch {
namespace {

using pipeline::Errc;
using pipeline::require;
using pipeline::text_of;

constexpr std::int64_t kMostWorkers = 256;

/// What became of the files.
struct Outcome {
  std::int64_t known = 0;
  std::int64_t indexed = 0;
  std::vector<std::string> bad;  ///< by file, in the order of the list
  std::string not_kept;          ///< why indexes could not be kept; else empty
};

// "" of a good one. A folder of pictures is counted, against its list.
std::string error_of(const readers::MediaFile& video,
                     const pipeline::Result<readers::IndexCache::Opened>& opened) {
  if (!opened.ok()) return opened.error().what();
  const std::int64_t there = opened.value().video->frames();
  const auto error = readers::listed_frames_error(video.path, video.frames, there);
  return error ? error->what() : "";
}

Outcome index_all(const std::vector<readers::MediaFile>& videos,
                  const readers::IndexCache& cache,
                  std::int64_t workers) {
  TaskProgress progress(std::cerr, {"indexed", "videos", audience_of_stderr(1)});
  std::vector<std::string> errors(videos.size());
  std::vector<std::string> not_kept(videos.size());
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;  // of what follows
  std::int64_t known = 0;
  std::int64_t done = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < videos.size(); i = next++) {
      const auto opened = cache.open(videos[i].path);
      errors[i] = error_of(videos[i], opened);
      if (opened.ok()) not_kept[i] = opened.value().not_kept;
      const std::lock_guard lock(mutex);
      known += opened.ok() && opened.value().was_known ? 1 : 0;
      progress.at(++done, std::ssize(videos));
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::int64_t i = 1; i < workers; ++i) threads.emplace_back(work);
    work();
  }
  std::erase(errors, "");
  std::erase(not_kept, "");
  const std::int64_t good = std::ssize(videos) - std::ssize(errors) - std::ssize(not_kept);
  return {known,
          good - known,
          std::move(errors),
          not_kept.empty() ? "" : text_of(not_kept.size(), " indexes, as in ", not_kept.front())};
}

std::vector<readers::MediaFile> videos_of(const std::vector<std::string>& paths,
                                          const std::string& root) {
  std::vector<readers::MediaFile> videos;
  for (const std::string& path : paths) {
    const bool is_folder = readers::is_folder(path);
    for (readers::MediaFile& file :
         is_folder ? readers::videos_below(path) : readers::find_media_files(path, root).files) {
      const readers::FileKind kind = readers::kind_of_name(file.path);
      const bool may_be =
          is_folder || kind == readers::FileKind::kVideo || kind == readers::FileKind::kUnknown;
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
  CommandLine line(
      call,
      "Indexes the videos of lists, folders and files ahead of a training: each is "
      "read through once, and what was known already is left. Folders of numbered pictures are "
      "counted. Exit code 3 if one "
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
  require(outcome.not_kept.empty(), Errc::kIo, folder.string(), " cannot keep ", outcome.not_kept);
  require(outcome.bad.empty(),
          Errc::kCorruptData,
          outcome.bad.size(),
          " of ",
          videos.size(),
          " videos cannot be indexed");
}

}  // namespace larkspur::launch
