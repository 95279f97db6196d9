// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli), the checksum of every byte a checkpoint holds.
#pragma once

#include <cstddef>
#include <cstdint>

namespace larkspur::pipeline {

/// The checksum of `bytes` bytes after those that gave `crc` (0 at the start): RFC 3720, appendix
/// B.4. Uses the processor's instruction where there is one. Thread-safe.
std::uint32_t crc32c(const void* data, std::size_t bytes, std::uint32_t crc = 0) noexcept;

/// The same by table, on any processor: the specification of the above.
std::uint32_t crc32c_portable(const void* data, std::size_t bytes, std::uint32_t crc = 0) noexcept;

}  // namespace larkspur::pipeline
