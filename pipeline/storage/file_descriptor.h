// SPDX-License-Identifier: Apache-2.0
// An open file of the system, closed by whoever holds it.
#pragma once

#include <utility>

#include <unistd.h>

namespace larkspur::pipeline {

/// Move-only. One thread at a time.
class FileDescriptor {
 public:
  FileDescriptor() = default;                            ///< holds none
  explicit FileDescriptor(int value) : value_(value) {}  ///< what open() gave; below 0: none
  FileDescriptor(FileDescriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) reset(std::exchange(other.value_, -1));
    return *this;
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() { reset(); }

  bool valid() const noexcept { return value_ >= 0; }
  int get() const noexcept { return value_; }

  /// Gives it up without closing it: the caller does.
  [[nodiscard]] int release() noexcept { return std::exchange(value_, -1); }

 private:
  void reset(int value = -1) noexcept {
    if (value_ >= 0) ::close(value_);
    value_ = value;
  }

  int value_ = -1;
};

}  // namespace larkspur::pipeline
