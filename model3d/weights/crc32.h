// SPDX-License-Identifier: Apache-2.0
// CRC-32 as zip, PNG and Ethernet have it (ISO 3309): reflected polynomial 0xEDB88320. Checkpoints
// of ours use another, CRC-32C, which processors compute themselves (pipeline/storage/crc32c.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace larkspur::model3d {

/// The checksum of `bytes` bytes after those that gave `crc` (0 at the start). Thread-safe.
std::uint32_t crc32(const void* data, std::size_t bytes, std::uint32_t crc = 0) noexcept;

}  // namespace larkspur::model3d
