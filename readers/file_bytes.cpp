// SPDX-License-Identifier: Apache-2.0
#include "readers/file_bytes.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/require.h"
#include "pipeline/storage/file_descriptor.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::Error;
using pipeline::text_of;

Error system_error(const std::filesystem::path& path) {
  const int code = errno;
  const bool absent = code == ENOENT || code == ENOTDIR;
  return Error(absent ? Errc::kNotFound : Errc::kIo,
               text_of(path.string(), ": ", std::generic_category().message(code)));
}

}  // namespace

pipeline::Result<FileBytes> read_start(const std::filesystem::path& path, std::size_t most) {
  // Without O_NONBLOCK a named pipe in the list would hang the run.
  const pipeline::FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat facts {};
  if (!file.valid() || ::fstat(file.get(), &facts) != 0) return system_error(path);
  if (!S_ISREG(facts.st_mode)) {
    return Error(Errc::kIo, text_of(path.string(), ": not a regular file"));
  }
  const auto size = std::min(static_cast<std::size_t>(facts.st_size), most);
  if (size == 0) return Error(Errc::kCorruptData, text_of(path.string(), ": zero bytes"));
  if (size > kLargestFileBytes) {
    return Error(Errc::kUnsupported,
                 text_of(path.string(),
                         ": ",
                         size,
                         " bytes, more than the ",
                         kLargestFileBytes,
                         " this build reads"));
  }
  auto bytes = std::make_unique_for_overwrite<char[]>(size);
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(file.get(), bytes.get() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(path);
    if (got == 0) {
      return Error(
          Errc::kIo,
          text_of(path.string(), ": ended after ", done, " of ", size, " bytes while it was read"));
    }
    done += static_cast<std::size_t>(got);
  }
  return FileBytes(std::move(bytes), size);
}

pipeline::Result<FileBytes> read_file(const std::filesystem::path& path) {
  return read_start(path, SIZE_MAX);
}

}  // namespace larkspur::readers
