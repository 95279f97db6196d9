// SPDX-License-Identifier: Apache-2.0
#include "readers/video/index_cache.h"

#include <array>
#include <thread>
#include <vector>

#include <ATen/ops/equal.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/readers/write_file.h"
#include "tests/support/file_contents.h"
#include "tests/support/temp_dir.h"
#include "tests/support/video_maker.h"

namespace larkspur::readers {
namespace {

namespace fs = std::filesystem;
using testing::contents_of;
using testing::write_file;

const std::vector<std::int64_t> kSome{17, 2, 9, 23};

class IndexCacheTest : public ::testing::Test {
 protected:
  fs::path make(const testing::VideoPlan& plan, const std::string& name = "a.mp4") const {
    testing::make_video(folder_.path() / name, plan);
    return folder_.path() / name;
  }

  /// Opens by the cache, expects what reading the file itself gives; whether an entry was used.
  static bool opens_by_entry(const IndexCache& cache, const fs::path& path) {
    auto opened = cache.open(path);
    EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().what());
    if (!opened.ok()) return false;
    VideoFile& video = *opened.value().video;
    const auto plain = VideoFile::open(path).value();
    EXPECT_EQ(video.frames(), plain->frames());
    EXPECT_EQ(video.frames_per_second(), plain->frames_per_second());
    EXPECT_TRUE(at::equal(read_frames(video, kSome).value(), read_frames(*plain, kSome).value()));
    return opened.value().was_known;
  }

  std::int64_t files() const {
    const fs::recursive_directory_iterator all(cache_folder_);
    return std::count_if(begin(all), end(all), [](const auto& e) { return e.is_regular_file(); });
  }

  testing::TempDir folder_;
  fs::path cache_folder_ = folder_.path() / "kept" / "here";
};

// Times that order frames, times that do not (frames are counted), hidden frames, no container.
TEST_F(IndexCacheTest, GivesTheSameFramesFromTheSecondOpeningOn) {
  const IndexCache cache({cache_folder_});
  int made = 0;
  for (const char* const name : {"a.mp4", "a.mkv", "a.avi", "a.ts", "a.h264"}) {
    for (const bool has_order : {true, false}) {
      const fs::path path = make({.frames = 40, .is_moving = true, .has_order = has_order}, name);
      EXPECT_FALSE(opens_by_entry(cache, path)) << name;
      EXPECT_TRUE(opens_by_entry(cache, path)) << name;
      EXPECT_TRUE(opens_by_entry(IndexCache({cache_folder_}), path)) << name;
    }
    EXPECT_EQ(files(), ++made) << "a new file takes the place of the old one's entry";
  }
}

TEST_F(IndexCacheTest, WithoutAFolderKeepsNothing) {
  const IndexCache cache(IndexFolder{});
  const fs::path path = make({});
  EXPECT_FALSE(opens_by_entry(cache, path));
  EXPECT_FALSE(opens_by_entry(cache, path));
}

TEST_F(IndexCacheTest, ReadOnlyUsesWhatIsThereAndMakesNothing) {
  const IndexCache reader({cache_folder_, /*is_read_only=*/true});
  const fs::path path = make({});
  EXPECT_FALSE(opens_by_entry(reader, path));
  EXPECT_FALSE(fs::exists(cache_folder_));
  EXPECT_FALSE(opens_by_entry(IndexCache({cache_folder_}), path));
  EXPECT_TRUE(opens_by_entry(reader, path));
}

// The same path, size and time of modification: the bytes at the ends tell.
TEST_F(IndexCacheTest, AFileReplacedByOneOfTheSameSizeAndTimeIsIndexedAnew) {
  const IndexCache cache({cache_folder_});
  const fs::path one = make({.frames = 30});
  const fs::path other = make({.frames = 60, .keyframe_every = 5}, "b.mp4");
  const auto size = std::max(fs::file_size(one), fs::file_size(other));
  const auto pad = [&](const fs::path& path) {  // a free box at the end
    const auto more = static_cast<std::uint32_t>(size + 16 - fs::file_size(path));
    std::string box{static_cast<char>(more >> 24),
                    static_cast<char>(more >> 16),
                    static_cast<char>(more >> 8),
                    static_cast<char>(more)};
    box += "free";
    box.resize(more);
    write_file(path, contents_of(path) + box);
  };
  pad(one);
  pad(other);
  ASSERT_EQ(fs::file_size(one), fs::file_size(other));
  const auto time = fs::last_write_time(one);
  EXPECT_FALSE(opens_by_entry(cache, one));
  fs::rename(other, one);
  fs::last_write_time(one, time);
  EXPECT_FALSE(opens_by_entry(cache, one));
  EXPECT_TRUE(opens_by_entry(cache, one));
  fs::last_write_time(one, time + std::chrono::nanoseconds(1));
  EXPECT_FALSE(opens_by_entry(cache, one));
}

TEST_F(IndexCacheTest, ATornOrChangedEntryIsWrittenAnew) {
  const IndexCache cache({cache_folder_});
  const fs::path path = make({});
  ASSERT_FALSE(opens_by_entry(cache, path));
  const fs::path entry = cache.entry_of(path);
  const std::string good = contents_of(entry);
  for (std::size_t left = 0; left < good.size(); left += 1 + left / 16) {
    write_file(entry, good.substr(0, left));
    EXPECT_FALSE(cache.open(path).value().was_known) << left;
    EXPECT_EQ(contents_of(entry), good);
  }
  for (std::size_t at = 0; at < good.size(); at += 1 + at / 16) {
    std::string bad = good;
    bad[at] ^= 1;
    write_file(entry, bad);
    EXPECT_FALSE(cache.open(path).value().was_known) << at;
    EXPECT_EQ(contents_of(entry), good);
  }
  EXPECT_TRUE(opens_by_entry(cache, path));
}

TEST_F(IndexCacheTest, AFolderThatCannotBeWrittenChangesNothing) {
  const fs::path path = make({});
  for (const fs::path& folder : {write_file(folder_.path() / "file", "no folder"),
                                 fs::path("/proc/larkspur"),
                                 folder_.path() / std::string(300, 'x')}) {
    const IndexCache cache({folder});
    EXPECT_FALSE(opens_by_entry(cache, path));
    EXPECT_FALSE(opens_by_entry(cache, path));
  }
}

TEST_F(IndexCacheTest, HasTheErrorsOfTheFile) {
  const IndexCache cache({cache_folder_});
  for (const fs::path& path : {folder_.path() / "absent.mp4",
                               folder_.path(),
                               write_file(folder_.path() / "empty.mp4", ""),
                               write_file(folder_.path() / "text.mp4", "no video")}) {
    const auto plain = VideoFile::open(path);
    const auto opened = cache.open(path);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code(), plain.error().code());
    EXPECT_STREQ(opened.error().what(), plain.error().what());
  }
  EXPECT_FALSE(fs::exists(cache_folder_));
}

// Threads of two processes, all at the same few files, entries torn under their hands.
TEST_F(IndexCacheTest, ManyMayWriteAtOnce) {
  std::array<fs::path, 3> paths;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    paths[i] = make({.frames = 24 + static_cast<int>(i)}, std::to_string(i) + ".mp4");
  }
  const IndexCache cache({cache_folder_});
  const auto open_all = [&] {
    bool is_good = true;
    const auto work = [&] {
      for (int i = 0; i < 30; ++i) {
        const fs::path& path = paths[static_cast<std::size_t>(i) % paths.size()];
        const auto opened = cache.open(path);
        if (!opened.ok() || opened.value().video->frames() != 24 + i % 3) is_good = false;
        std::error_code ignored;
        if (i % 7 == 0) fs::resize_file(cache.entry_of(path), 50, ignored);
      }
    };
    std::jthread other(work);
    work();
    other.join();
    return is_good;
  };
  const pid_t child = ::fork();
  if (child == 0) ::_exit(open_all() ? 0 : 1);
  EXPECT_TRUE(open_all());
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  for (const fs::path& path : paths) opens_by_entry(cache, path);
  for (const fs::path& path : paths) EXPECT_TRUE(opens_by_entry(cache, path));
  EXPECT_EQ(files(), std::ssize(paths)) << "nothing is left aside";
}

}  // namespace
}  // namespace larkspur::readers
