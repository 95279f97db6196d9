// SPDX-License-Identifier: Apache-2.0
#include "pipeline/storage/durable_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

constexpr std::int64_t kAtATime = 8 << 20;  // bytes that the disk begins with together

}  // namespace

DurableFile::DurableFile(const std::filesystem::path& path)
    : path_(path),
      descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) {
  if (!descriptor_.valid()) fail("create");
}

void DurableFile::write(const void* data, std::size_t bytes) {
  const auto* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written =
        ::write(descriptor_.get(), next, std::min<std::size_t>(bytes, kAtATime));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write");
    next += written;
    bytes -= static_cast<std::size_t>(written);
    written_ += written;
    begin_on_disk();
  }
}

/// A wish: where it cannot be, fsync does all of it.
void DurableFile::begin_on_disk() {
#if defined(__linux__)
  if (written_ - begun_ < kAtATime) return;
  (void)::sync_file_range(descriptor_.get(), begun_, written_ - begun_, SYNC_FILE_RANGE_WRITE);
  begun_ = written_;
#endif
}

void DurableFile::finish() {
  if (::fsync(descriptor_.get()) != 0) fail("sync");
  if (::close(descriptor_.release()) != 0) fail("close");
}

void DurableFile::fail(const char* what) const {
  throw Error(Errc::kIo, text_of("cannot ", what, " ", path_.string(), ": ", std::strerror(errno)));
}

void sync_folder(const std::filesystem::path& folder) {
  const FileDescriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  require(descriptor.valid() && ::fsync(descriptor.get()) == 0,
          Errc::kIo,
          "cannot sync ",
          folder.string(),
          ": ",
          std::strerror(errno));
}

void write_and_rename(const std::filesystem::path& path, const FileWriter& write) {
  std::filesystem::path aside = path;
  aside += ".part";
  std::error_code error;
  std::filesystem::remove(aside, error);
  write(aside);
  std::filesystem::rename(aside, path, error);
  require(!error,
          Errc::kIo,
          "cannot rename ",
          aside.string(),
          " to ",
          path.filename().string(),
          ": ",
          error.message());
  sync_folder(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
}

void write_and_rename(const std::filesystem::path& path, std::string_view text) {
  write_and_rename(path, [&](const std::filesystem::path& aside) {
    DurableFile file(aside);
    file.write(text.data(), text.size());
    file.finish();
  });
}

std::string read_file(const std::filesystem::path& path) {
  std::error_code error;
  require(std::filesystem::is_regular_file(path, error),
          Errc::kNotFound,
          path.string(),
          " is not there");
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  require(file.good() && text.good(), Errc::kIo, "cannot read ", path.string());
  return std::move(text).str();
}

}  // namespace larkspur::pipeline
