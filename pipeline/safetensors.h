// SPDX-License-Identifier: Apache-2.0
// float32 tensors in a safetensors file: 8-byte header length, JSON header, raw little-endian
// bytes. Any tool that knows the format opens these files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "pipeline/flat_layout.h"

namespace larkspur::pipeline {

/// One tensor to write. The data must live until the call returns.
struct TensorToWrite {
  std::string name;
  std::int64_t elements = 0;
  const float* data = nullptr;
};

/// What was written, for a later check of every byte.
struct WrittenTensors {
  std::int64_t bytes = 0;                  ///< size of the file
  std::uint32_t header_crc = 0;            ///< CRC-32C of the length and the header
  std::vector<std::uint32_t> tensor_crcs;  ///< in the order given
};

/// Writes one-dimensional tensors, in the order given, and syncs the file, which must not exist
/// yet. Throws kIo.
WrittenTensors write_safetensors(const std::filesystem::path& path,
                                 const std::vector<TensorToWrite>& tensors);

/// A file opened for reading. Nothing but the header is read before it is asked for. Const and
/// callable from many threads.
class SafetensorsReader {
 public:
  /// Throws kNotFound; kCorruptData when lengths, names, types or offsets contradict the file;
  /// kUnsupported for a type other than F32. Memory is bounded by the file's size.
  explicit SafetensorsReader(const std::filesystem::path& path);

  std::uint32_t header_crc() const { return header_crc_; }
  std::int64_t file_bytes() const { return file_bytes_; }
  bool has(const std::string& name) const { return ranges_.count(name) > 0; }

  /// Elements of a tensor; throws kCorruptData when it is not there.
  std::int64_t elements(const std::string& name) const;

  /// Reads a whole tensor into `out` [elements(name)] and returns its CRC-32C.
  std::uint32_t read(const std::string& name, float* out) const;

 private:
  void parse_header(const std::string& header);

  std::filesystem::path path_;
  std::int64_t file_bytes_ = 0;
  std::int64_t data_begin_ = 0;
  std::uint32_t header_crc_ = 0;
  std::map<std::string, ElementRange> ranges_;  ///< bytes relative to data_begin_
};

}  // namespace larkspur::pipeline
