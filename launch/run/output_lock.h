// SPDX-License-Identifier: Apache-2.0
// One run at a time in an output folder.
#pragma once

#include <filesystem>

#include "pipeline/error.h"
#include "pipeline/storage/file_descriptor.h"

namespace larkspur::launch {

/// What a lock of `folder` that the system refused with this errno means: another process has it
/// (kInvalidArgument), or there is none to be had (kIo).
pipeline::Error lock_error(int system_error, const std::filesystem::path& folder);

/// Holds `folder`/.lock while it lives; the system frees it when the process ends, however it ends.
class OutputLock {
 public:
  /// The folder must be there. Throws kInvalidArgument when another process holds the lock, kIo
  /// when the file cannot be made or locked.
  explicit OutputLock(const std::filesystem::path& folder);
  ~OutputLock() = default;
  OutputLock(const OutputLock&) = delete;
  OutputLock& operator=(const OutputLock&) = delete;

 private:
  pipeline::FileDescriptor descriptor_;
};

}  // namespace larkspur::launch
