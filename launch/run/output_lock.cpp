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
  throw pipeline::Error(Errc::kInvalidArgument,
                        "output: another run is at work in " + folder.string() +
                            ": stop it, or choose another folder");
}

}  // namespace larkspur::launch
