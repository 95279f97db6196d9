// SPDX-License-Identifier: Apache-2.0
// Weights as Python programs publish them: a `.pth` file, that is a zip archive of a pickled state
// dict and one record a storage.
//
//   NAME/data.pkl       {"model": {"head.weight": tensor(storage "12", offset, sizes, strides),
//   ..}} NAME/data/12        raw little-endian values
//
// The pickle is read as data (pickle.h): nothing in it is executed. Tensors may share a storage
// (tied weights) and may be strided.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "pipeline/named_tensors.h"

namespace larkspur::model3d {

/// A file opened for reading. Holds names and one storage at a time, the one read last.
class PthFile final : public pipeline::NamedTensors {
 public:
  /// The state dict is the value of "model", else of "state_dict", else of "model_ema", else the
  /// whole; a "module." before every name is dropped. Throws kNotFound; kUnsupported for a file
  /// that is no zip archive (torch before 1.6), for anything in the pickle that no weights need
  /// (named), for big-endian files; kCorruptData where sizes contradict each other or the file.
  explicit PthFile(std::filesystem::path path);
  ~PthFile() override;
  PthFile(const PthFile&) = delete;
  PthFile& operator=(const PthFile&) = delete;

  std::string origin() const override { return path_.string(); }
  std::vector<std::string> names() const override;
  std::vector<std::int64_t> shape(const std::string& name) const override;
  at::Tensor tensor(const std::string& name) const override;

 private:
  struct Archive;  ///< the zip file, with heavy headers behind it

  /// A tensor as the pickle describes it, checked to lie inside its storage.
  struct Place {
    std::string storage;  ///< key of the record
    std::string type;     ///< "FloatStorage"
    std::int64_t elements = 0;
    std::int64_t offset = 0;
    std::vector<std::int64_t> sizes;
    std::vector<std::int64_t> strides;
  };
  struct Reading;  ///< from pickle to places

  void check_storage(const std::string& name, const Place& place) const;
  const Place& place(const std::string& name) const;

  std::filesystem::path path_;
  std::unique_ptr<Archive> archive_;
  std::map<std::string, Place> places_;
  mutable std::mutex reading_;
  mutable std::string held_key_;  ///< of the storage read last
  mutable at::Tensor held_;       ///< its bytes
};

}  // namespace larkspur::model3d
