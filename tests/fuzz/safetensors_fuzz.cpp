// SPDX-License-Identifier: Apache-2.0
// libFuzzer's entry: bytes as a `.safetensors` file.
#include "pipeline/safetensors.h"
#include "tests/fuzz/read_all.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return larkspur::testing::read_all<larkspur::pipeline::SafetensorsReader>(data, size);
}
