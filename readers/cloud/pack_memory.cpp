// SPDX-License-Identifier: Apache-2.0
#include "readers/cloud/pack_memory.h"

#include "pipeline/require.h"
#include "readers/format/cloud_pack.h"

namespace larkspur::readers {

using pipeline::Errc;
using pipeline::Error;
using pipeline::Result;

Result<at::Tensor> PackMemory::points_of(const std::filesystem::path& pack) {
  const std::lock_guard lock(mutex_);
  const auto known = packs_.find(pack);
  if (known != packs_.end()) return known->second;
  Result<at::Tensor> points_SN3 = read_pack_points(pack);
  if (points_SN3.ok()) packs_.emplace(pack, points_SN3.value());
  return points_SN3;
}

Result<at::Tensor> PackMemory::read(const std::filesystem::path& pack, std::int64_t row) {
  const Result<at::Tensor> points_SN3 = points_of(pack);
  if (!points_SN3.ok()) return points_SN3.error();
  const std::int64_t clouds = points_SN3.value().size(0);
  const auto error = [&](Errc code, const std::string& what) {
    return Error(code, pipeline::text_of(pack.string(), ": cloud ", row, what));
  };
  if (row < 0 || row >= clouds) {
    return error(Errc::kNotFound, pipeline::text_of(" of ", clouds));
  }
  at::Tensor points_N3 = points_SN3.value()[row];
  if (!points_N3.isfinite().all().item<bool>()) {
    return error(Errc::kCorruptData, " has a coordinate that is not finite");
  }
  return points_N3;
}

}  // namespace larkspur::readers
