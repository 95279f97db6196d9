// SPDX-License-Identifier: Apache-2.0
// libFuzzer's entry: bytes as a `.safetensors` file. Three mutations in four are made inside the
// header; its length, and as many bytes behind it as its entries ask for, are put right again.
#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>

#include "pipeline/storage/safetensors.h"
#include "tests/fuzz/read_all.h"

namespace {

constexpr std::size_t kLengthBytes = 8;

/// The largest end that an entry names.
std::size_t bytes_asked_for(std::string_view header) {
  constexpr std::string_view key = "\"data_offsets\"";
  std::size_t most = 0;
  for (std::size_t at = header.find(key); at != header.npos; at = header.find(key, at + 1)) {
    const std::size_t comma = std::min(header.find(',', at), header.size());
    const std::size_t digit = std::min(header.find_first_of("0123456789", comma), header.size());
    std::size_t end = 0;
    std::from_chars(header.data() + digit, header.data() + header.size(), end);
    most = std::max(most, end);
  }
  return most;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return larkspur::testing::read_all<larkspur::pipeline::SafetensorsReader>(data, size);
}

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data,
                                               std::size_t size,
                                               std::size_t most,
                                               unsigned int seed) {
  std::uint64_t length = 0;
  if (size >= kLengthBytes) std::memcpy(&length, data, kLengthBytes);
  if (seed % 4 == 0 || length == 0 || length > size - kLengthBytes) {
    return LLVMFuzzerMutate(data, size, most);
  }
  std::string header(reinterpret_cast<const char*>(data) + kLengthBytes, most - kLengthBytes);
  header.resize(LLVMFuzzerMutate(
      reinterpret_cast<std::uint8_t*>(header.data()), length, most - kLengthBytes));
  length = header.size();
  std::memcpy(data, &length, kLengthBytes);
  std::memcpy(data + kLengthBytes, header.data(), header.size());
  const std::size_t behind = std::min(bytes_asked_for(header), most - kLengthBytes - header.size());
  std::memset(data + kLengthBytes + header.size(), 0x3c, behind);
  return kLengthBytes + header.size() + behind;
}
