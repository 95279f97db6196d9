// SPDX-License-Identifier: Apache-2.0
// Packs that a source has read: each once, whole, and kept. A row of a compressed pack costs as
// much as hundreds of rows, and training asks for them in any order.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>

#include <ATen/core/Tensor.h>

#include "pipeline/result.h"

namespace larkspur::readers {

/// Callable from many threads at once. Memory: 12 bytes a point of every pack that was asked for.
class PackMemory {
 public:
  /// Cloud `row` of a pack, float32 [N, 3], finite; shares the pack's memory. Errors as
  /// read_pack_points(), kNotFound for a row that there is not, kCorruptData for values that are
  /// not finite, naming pack and row.
  pipeline::Result<at::Tensor> read(const std::filesystem::path& pack, std::int64_t row);

 private:
  pipeline::Result<at::Tensor> points_of(const std::filesystem::path& pack);

  std::mutex mutex_;
  std::map<std::filesystem::path, at::Tensor> packs_;
};

}  // namespace larkspur::readers
