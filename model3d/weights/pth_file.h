// SPDX-License-Identifier: Apache-2.0
// Weights as Python programs publish them: a `.pth` file, that is a zip archive of a pickled state
// dict and one record a storage.
//
//   NAME/data.pkl    {"model": {"head.weight": tensor(storage "12", offset, sizes, strides), ..}}
//   NAME/data/12     raw little-endian values
//
// The pickle is read as data (pickle.h): nothing in it is executed. Tensors may share a storage
// (tied weights) and may be strided.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "model3d/weights/zip_archive.h"
#include "pipeline/storage/tensor_file.h"

namespace larkspur::model3d {

/// A file opened for reading. Holds names; of a storage no more is read than a tensor spans. The
/// CRC-32 of a record is checked once, before the first tensor is taken from it.
class PthFile final : public pipeline::TensorFile {
 public:
  /// The state dict is the value of the key `part`; where that is empty of "model", else of
  /// "state_dict", "model_ema" or "state_dict_ema", else the whole. Throws kNotFound, also for a
  /// part that is not there, naming those that are; kUnsupported for a file that is no zip archive,
  /// for anything in the pickle that no weights need (named), for big-endian files; kCorruptData
  /// where sizes contradict each other or the file.
  explicit PthFile(std::filesystem::path path, std::string part = {});

  std::string origin() const override { return path_.string(); }
  std::vector<std::string> notes() const override { return notes_; }
  std::vector<std::string> names() const override;
  std::vector<std::int64_t> shape(const std::string& name) const override;

  /// Also throws kCorruptData naming the record whose CRC-32 is wrong. Memory: the tensor, and what
  /// it spans of its storage where it is strided or not float32.
  at::Tensor tensor(const std::string& name) const override;

 private:
  /// A tensor as the pickle describes it, checked to lie inside its storage.
  struct StoredTensor {
    std::string storage;  ///< key of the record
    std::string type;     ///< "FloatStorage"
    std::int64_t elements = 0;
    std::int64_t offset = 0;
    std::vector<std::int64_t> sizes;
    std::vector<std::int64_t> strides;
  };
  struct Reading;  ///< from pickle to places

  const ZipMember& record(const std::string& name) const;
  std::string text_of_record(const std::string& name) const;
  void check_storage(const std::string& name, const StoredTensor& place) const;
  void check_once(const ZipMember& member) const;
  const StoredTensor& place(const std::string& name) const;

  std::filesystem::path path_;
  std::vector<std::string> notes_;
  ZipArchive archive_;
  std::string folder_;  ///< of every record, with its slash
  std::map<std::string, StoredTensor> places_;
  mutable std::mutex checking_;
  mutable std::set<std::string> checked_;  ///< members whose CRC-32 was right
};

}  // namespace larkspur::model3d
