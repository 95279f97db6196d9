// SPDX-License-Identifier: Apache-2.0
#include "pipeline/storage/durable_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

#include "pipeline/require.h"

namespace larkspur::pipeline {

DurableFile::DurableFile(const std::filesystem::path& path) : path_(path) {
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail("create");
}

DurableFile::~DurableFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void DurableFile::write(const void* data, std::size_t bytes) {
  const auto* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(descriptor_, next, bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write");
    next += written;
    bytes -= static_cast<std::size_t>(written);
  }
}

void DurableFile::finish() {
  if (::fsync(descriptor_) != 0) fail("sync");
  const int descriptor = descriptor_;
  descriptor_ = -1;
  if (::close(descriptor) != 0) fail("close");
}

void DurableFile::fail(const char* what) const {
  throw Error(Errc::kIo, text_of("cannot ", what, " ", path_.string(), ": ", std::strerror(errno)));
}

void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0) ::close(descriptor);
  require(synced, Errc::kIo, "cannot sync ", folder.string(), ": ", std::strerror(error));
}

void write_and_rename(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::path aside = path;
  aside += ".part";
  std::error_code error;
  std::filesystem::remove(aside, error);
  DurableFile file(aside);
  file.write(text.data(), text.size());
  file.finish();
  std::filesystem::rename(aside, path, error);
  require(!error, Errc::kIo, "cannot rename ", aside.string(), ": ", error.message());
  sync_folder(path.parent_path());
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
