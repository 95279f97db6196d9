// SPDX-License-Identifier: Apache-2.0
// Where the bytes of a video come from. No FFmpeg type appears here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace larkspur::readers {

/// Bytes with a place that reading moves on. Not thread-safe: one reader a source.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  /// What messages call it; its ending helps to tell raw streams apart.
  virtual const std::string& name() const = 0;

  /// Bytes in all; -1 where that is unknown.
  virtual std::int64_t size() const = 0;

  /// Fills the front of `bytes` and returns how many it wrote; 0 only at the end. Throws kIo where
  /// the system refuses.
  virtual std::size_t read(std::span<std::uint8_t> bytes) = 0;

  /// Moves the place to a byte >= 0; behind the end there is nothing to read. False where the
  /// source cannot, which leaves it as it was. A video is read more than once: reading frames of a
  /// source that cannot go back to 0 fails.
  virtual bool seek(std::int64_t position) = 0;

 protected:
  ByteSource() = default;
};

/// A regular file with at least a byte. Throws kNotFound, kIo (no file, no permission),
/// kCorruptData (zero bytes).
std::unique_ptr<ByteSource> file_source(const std::filesystem::path& path);

/// Bytes in memory, shared with whoever else holds them.
std::unique_ptr<ByteSource> memory_source(std::string name,
                                          std::shared_ptr<const std::string> bytes);

}  // namespace larkspur::readers
