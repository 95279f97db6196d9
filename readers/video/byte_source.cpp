// SPDX-License-Identifier: Apache-2.0
#include "readers/video/byte_source.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "pipeline/require.h"
#include "pipeline/storage/file_descriptor.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using pipeline::require;

std::string system_words() { return std::generic_category().message(errno); }

class FileSource final : public ByteSource {
 public:
  explicit FileSource(const std::filesystem::path& path) : name_(path.string()) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    require(std::filesystem::exists(status),
            status.type() == std::filesystem::file_type::not_found ? Errc::kNotFound : Errc::kIo,
            name_,
            ": ",
            error ? error.message() : "no such file");
    require(std::filesystem::is_regular_file(status), Errc::kIo, name_, ": not a regular file");
    file_ = pipeline::FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    require(file_.valid(), Errc::kIo, name_, ": ", system_words());
    size_ = ::lseek(file_.get(), 0, SEEK_END);
    if (size_ <= 0 || ::lseek(file_.get(), 0, SEEK_SET) < 0) {
      require(size_ != 0, Errc::kCorruptData, name_, ": zero bytes");
      throw pipeline::Error(Errc::kIo, name_ + ": " + system_words());
    }
  }

  const std::string& name() const override { return name_; }
  std::int64_t size() const override { return size_; }

  std::size_t read(std::span<std::uint8_t> bytes) override {
    for (;;) {
      const auto count = ::read(file_.get(), bytes.data(), bytes.size());
      if (count >= 0) return static_cast<std::size_t>(count);
      require(errno == EINTR, Errc::kIo, name_, ": ", system_words());
    }
  }

  bool seek(std::int64_t position) override {
    return ::lseek(file_.get(), position, SEEK_SET) >= 0;
  }

 private:
  std::string name_;
  pipeline::FileDescriptor file_;
  std::int64_t size_ = 0;
};

class MemorySource final : public ByteSource {
 public:
  MemorySource(std::string name, std::shared_ptr<const std::string> bytes)
      : name_(std::move(name)), bytes_(std::move(bytes)) {}

  const std::string& name() const override { return name_; }
  std::int64_t size() const override { return std::ssize(*bytes_); }

  std::size_t read(std::span<std::uint8_t> bytes) override {
    const std::size_t left = bytes_->size() - std::min(place_, bytes_->size());
    const std::size_t count = std::min(bytes.size(), left);
    if (count > 0) std::memcpy(bytes.data(), bytes_->data() + place_, count);
    place_ += count;
    return count;
  }

  bool seek(std::int64_t position) override {
    if (position < 0) return false;
    place_ = static_cast<std::size_t>(position);
    return true;
  }

 private:
  std::string name_;
  std::shared_ptr<const std::string> bytes_;
  std::size_t place_ = 0;
};

}  // namespace

std::unique_ptr<ByteSource> file_source(const std::filesystem::path& path) {
  return std::make_unique<FileSource>(path);
}

std::unique_ptr<ByteSource> memory_source(std::string name,
                                          std::shared_ptr<const std::string> bytes) {
  require(bytes != nullptr && !bytes->empty(), Errc::kCorruptData, name, ": zero bytes");
  return std::make_unique<MemorySource>(std::move(name), std::move(bytes));
}

}  // namespace larkspur::readers
