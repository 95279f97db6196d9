// SPDX-License-Identifier: Apache-2.0
#include "readers/video/frame_folder.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "pipeline/require.h"
#include "readers/list/folder_walk.h"
#include "readers/list/frame_names.h"

namespace larkspur::readers {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::require;
using pipeline::Result;
using pipeline::text_of;

using Numbered = std::vector<std::pair<std::int64_t, std::string>>;  // of files, with their names

// Files by the word in front of their number.
std::map<std::string, Numbered> numbered_pictures(const fs::path& folder) {
  std::map<std::string, Numbered> found;
  for (const std::string& name : look_into(folder).files) {
    const std::optional<FrameName> frame = frame_name(name);
    if (frame) found[frame->word].emplace_back(frame->number, name);
  }
  return found;
}

class FrameFolder final : public VideoFile {
 public:
  explicit FrameFolder(const fs::path& folder) : name_(folder.string()), files_(frames_in(folder)) {
    const auto first = VideoFile::open(files_.front());
    width_ = first.value()->width();
    height_ = first.value()->height();
  }

  std::int64_t frames() const override { return std::ssize(files_); }
  std::int64_t width() const override { return width_; }
  std::int64_t height() const override { return height_; }
  double frames_per_second() const override { return 0; }
  std::shared_ptr<const VideoRecord> record() const override { return nullptr; }

  Result<std::int64_t> read(std::span<const std::int64_t> numbers, const Take& take) override {
    std::vector<std::int64_t> wanted;
    try {
      wanted = rising_frames(numbers, frames(), name_);
    } catch (const pipeline::Error& error) {
      return error;
    }
    for (const std::int64_t number : wanted) {
      const auto read = read_one(number, take);
      if (!read.ok()) return read;
    }
    return std::ssize(wanted);
  }

 private:
  Result<std::int64_t> read_one(std::int64_t number, const Take& take) const {
    const fs::path& file = files_[static_cast<std::size_t>(number)];
    const auto opened = VideoFile::open(file);
    if (!opened.ok()) return opened.error();
    VideoFile& picture = *opened.value();
    if (picture.width() != width_ || picture.height() != height_) {
      return pipeline::Error(Errc::kCorruptData,
                             text_of(file.string(),
                                     ": a picture of ",
                                     picture.width(),
                                     "x",
                                     picture.height(),
                                     ", the first is ",
                                     width_,
                                     "x",
                                     height_));
    }
    const std::int64_t only[] = {0};
    return picture.read(only, [&](std::int64_t, const RgbFrame& frame) { take(number, frame); });
  }

  std::string name_;
  std::vector<fs::path> files_;  // by number of the frame
  std::int64_t width_ = 0;
  std::int64_t height_ = 0;
};

}  // namespace

std::vector<fs::path> frames_in(const fs::path& folder) {
  auto found = numbered_pictures(folder);
  require(!found.empty(),
          Errc::kIo,
          folder.string(),
          ": a folder that holds no numbered picture: unpack the video into it, or name a file");
  require(found.size() == 1,
          Errc::kUnsupported,
          folder.string(),
          ": holds pictures of several names, '",
          found.begin()->first,
          "' and '",
          found.rbegin()->first,
          "' with numbers: keep one");
  Numbered& pictures = found.begin()->second;
  std::sort(pictures.begin(), pictures.end());
  std::vector<fs::path> files;
  for (const auto& [number, name] : pictures) {
    const std::int64_t expected = pictures.front().first + std::ssize(files);
    require(number == expected,
            Errc::kCorruptData,
            folder.string(),
            ": picture ",
            std::min(number, expected),
            number < expected ? " is there twice" : " is missing");
    files.push_back(folder / name);
  }
  return files;
}

Result<std::unique_ptr<VideoFile>> open_frame_folder(const fs::path& folder) {
  try {
    return std::unique_ptr<VideoFile>(std::make_unique<FrameFolder>(folder));
  } catch (const pipeline::Error& error) {
    return error;
  }
}

}  // namespace larkspur::readers
