// SPDX-License-Identifier: Apache-2.0
#include "model3d/weights/crc32.h"

#include <array>

namespace larkspur::model3d {
namespace {

using Table = std::array<std::uint32_t, 256>;

/// tables[k][b]: what byte b does to the sum when k bytes follow it.
constexpr std::array<Table, 8> make_tables() {
  std::array<Table, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xEDB88320U & (0U - (crc & 1U)));
    tables[0][byte] = crc;
  }
  for (std::size_t after = 1; after < tables.size(); ++after) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[after - 1][byte];
      tables[after][byte] = (before >> 8) ^ tables[0][before & 0xFFU];
    }
  }
  return tables;
}

constexpr std::array<Table, 8> kTables = make_tables();

std::uint32_t four(const unsigned char* at) {
  return static_cast<std::uint32_t>(at[0]) | static_cast<std::uint32_t>(at[1]) << 8U |
         static_cast<std::uint32_t>(at[2]) << 16U | static_cast<std::uint32_t>(at[3]) << 24U;
}

}  // namespace

// Eight bytes a step, each through the table of its place: a gigabyte takes below a second.
std::uint32_t crc32(const void* data, std::size_t bytes, std::uint32_t crc) noexcept {
  const auto* at = static_cast<const unsigned char*>(data);
  crc = ~crc;
  for (; bytes >= 8; bytes -= 8, at += 8) {
    const std::uint32_t low = crc ^ four(at);
    const std::uint32_t high = four(at + 4);
    crc = kTables[7][low & 0xFFU] ^ kTables[6][(low >> 8U) & 0xFFU] ^
          kTables[5][(low >> 16U) & 0xFFU] ^ kTables[4][low >> 24U] ^ kTables[3][high & 0xFFU] ^
          kTables[2][(high >> 8U) & 0xFFU] ^ kTables[1][(high >> 16U) & 0xFFU] ^
          kTables[0][high >> 24U];
  }
  for (; bytes > 0; --bytes, ++at) crc = (crc >> 8U) ^ kTables[0][(crc ^ *at) & 0xFFU];
  return ~crc;
}

}  // namespace larkspur::model3d
