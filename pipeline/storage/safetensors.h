// SPDX-License-Identifier: Apache-2.0
// Tensors in a safetensors file: 8-byte header length, JSON header, raw little-endian bytes. Any
// tool that knows the format opens what we write; we read what such tools write.
//
//   {"head.bias": {"dtype": "F32", "shape": [15], "data_offsets": [0, 60]}, "__metadata__": {...}}
//
// The tensors fill the bytes behind the header, without holes and without overlap.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "pipeline/flat_layout.h"
#include "pipeline/storage/file_descriptor.h"
#include "pipeline/storage/tensor_file.h"

namespace larkspur::pipeline {

/// One float32 tensor to write. The data must live until the call returns.
struct TensorToWrite {
  std::string name;
  std::int64_t elements = 0;
  const float* data = nullptr;
  std::vector<std::int64_t> shape{};  ///< of that many elements; empty: [elements]
};

/// What was written, for a later check of every byte.
struct WrittenTensors {
  std::int64_t bytes = 0;                  ///< size of the file
  std::uint32_t header_crc = 0;            ///< CRC-32C of the length and the header
  std::vector<std::uint32_t> tensor_crcs;  ///< in the order given
};

/// Words about a file, for people and tools: its `__metadata__`.
using TensorFileMetadata = std::map<std::string, std::string>;

/// Writes tensors, in the order given, and syncs the file, which must not exist yet. Throws kIo.
WrittenTensors write_safetensors(const std::filesystem::path& path,
                                 const std::vector<TensorToWrite>& tensors,
                                 const TensorFileMetadata& metadata = {});

/// A file opened for reading. Nothing but the header is read before it is asked for. Const and
/// callable from many threads.
class SafetensorsReader final : public TensorFile {
 public:
  /// Throws kNotFound; kCorruptData when lengths, shapes or offsets contradict the file or each
  /// other; kUnsupported for a type the format does not have. Memory is bounded by the file's size.
  explicit SafetensorsReader(const std::filesystem::path& path);

  std::uint32_t header_crc() const { return header_crc_; }
  std::int64_t file_bytes() const { return file_bytes_; }
  bool has(const std::string& name) const { return entries_.count(name) > 0; }

  std::string origin() const override { return path_.string(); }
  std::vector<std::string> names() const override;
  std::vector<std::int64_t> shape(const std::string& name) const override;
  at::Tensor tensor(const std::string& name) const override;

  /// The words in `__metadata__`.
  TensorFileMetadata metadata() const override { return metadata_; }

  /// Elements of a tensor; throws kCorruptData when it is not there.
  std::int64_t elements(const std::string& name) const;

  /// Reads a whole F32 tensor into `out` [elements(name)] and returns its CRC-32C. Throws
  /// kUnsupported for another type.
  std::uint32_t read(const std::string& name, float* out) const;

  /// The CRC-32C of a tensor of any type, read in passing: no memory is taken for it.
  std::uint32_t crc(const std::string& name) const;

 private:
  struct Entry {
    std::string type;  ///< as the header has it: "F32"
    std::vector<std::int64_t> shape;
    ElementRange bytes;  ///< relative to data_begin_
  };

  void parse_header(const std::string& header);
  void check_that_entries_fill_the_file() const;
  const Entry& entry(const std::string& name) const;
  FileDescriptor open() const;
  void read_bytes(const FileDescriptor& file, ElementRange bytes, void* out) const;

  TensorFileMetadata metadata_;
  std::filesystem::path path_;
  std::int64_t file_bytes_ = 0;
  std::int64_t data_begin_ = 0;
  std::uint32_t header_crc_ = 0;
  std::map<std::string, Entry> entries_;
};

}  // namespace larkspur::pipeline
