// SPDX-License-Identifier: Apache-2.0
#include "launch/run/output_lock.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>

#include "pipeline/require.h"

namespace larkspur::launch {

using pipeline::Errc;
using pipeline::require;

OutputLock::OutputLock(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / ".lock";
  descriptor_ = pipeline::FileDescriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  require(
      descriptor_.valid(), Errc::kIo, "cannot make ", path.string(), ": ", std::strerror(errno));
  if (::flock(descriptor_.get(), LOCK_EX | LOCK_NB) == 0) return;
  throw lock_error(errno, folder);
}

pipeline::Error lock_error(int system_error, const std::filesystem::path& folder) {
  if (system_error == EWOULDBLOCK) {
    return {Errc::kInvalidArgument,
            "output: another run is at work in " + folder.string() +
                ": stop it, or choose another folder"};
  }
  return {Errc::kIo,
          "output: cannot lock " + (folder / ".lock").string() + ": " +
              std::strerror(system_error) + "; choose a folder on a file system with locks"};
}

}  // namespace larkspur::launch
