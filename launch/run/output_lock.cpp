// SPDX-License-Identifier: Apache-2.0
#include "launch/run/output_lock.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "pipeline/require.h"

namespace larkspur::launch {

using pipeline::Errc;
using pipeline::require;

OutputLock::OutputLock(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / ".lock";
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  require(descriptor_ >= 0, Errc::kIo, "cannot make ", path.string(), ": ", std::strerror(errno));
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  ::close(descriptor_);
  throw pipeline::Error(Errc::kInvalidArgument,
                        "output: another run is at work in " + folder.string() +
                            ": stop it, or choose another folder");
}

OutputLock::~OutputLock() { ::close(descriptor_); }

}  // namespace larkspur::launch
