// SPDX-License-Identifier: Apache-2.0
// Weights and inputs as pure functions of name and shape, with which the golden figures were made.
//
//   h = CRC-32(name),  k = mix(mix(i) xor h),  r(name, i) = (k >> 8) / 2^23 - 1     in [-1, 1)
//
// Only 32-bit integers and exactly rounded doubles, so every platform gets the same bits. `i` is
// the row-major index. An entry is c + a * r with c and a by its kind; inputs are sums of fine,
// blockwise and plane-wise noise.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace larkspur::testing {

/// CRC-32 as zlib and PNG have it.
std::uint32_t crc32(const void* bytes, std::size_t size);

/// CRC-32 of a float32 tensor's little-endian bytes in row-major order, as eight hex digits.
std::string crc32_of(const at::Tensor& tensor);

/// r(name, i) at each index, rounded to float32.
at::Tensor golden_noise(const std::string& name, const std::vector<std::int64_t>& shape);

/// The float32 values of the entry of that name and shape.
at::Tensor golden_entry(const std::string& name, at::IntArrayRef shape);

/// The input picture float32 [N,C,H,W].
at::Tensor golden_image(const std::vector<std::int64_t>& shape_NCHW);

/// The input clip float32 [N,C,T,H,W].
at::Tensor golden_clip(const std::vector<std::int64_t>& shape_NCTHW);

/// Overwrites entries (anything with .name and .tensor) by the formula; `prefix` stands before
/// names.
template <typename Entries>
void fill_by_formula(const Entries& entries, const std::string& prefix = "") {
  for (const auto& entry : entries) {
    entry.tensor.detach().copy_(golden_entry(prefix + entry.name, entry.tensor.sizes()));
  }
}

}  // namespace larkspur::testing
