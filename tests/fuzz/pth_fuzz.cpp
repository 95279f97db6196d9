// SPDX-License-Identifier: Apache-2.0
// libFuzzer's entry: bytes as a `.pth` file. Three mutations in four are made inside a member of
// the archive, which is then put together again: blind ones would all end at a CRC-32.
#include "model3d/weights/pth_file.h"
#include "tests/fuzz/read_all.h"
#include "tests/fuzz/zip_mutation.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return larkspur::testing::read_all<larkspur::model3d::PthFile>(data, size);
}

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data,
                                               std::size_t size,
                                               std::size_t most,
                                               unsigned int seed) {
  const std::size_t mutated = seed % 4 == 0 ? 0
                                            : larkspur::testing::mutate_member(
                                                  data, size, most, seed / 4, LLVMFuzzerMutate);
  return mutated > 0 ? mutated : LLVMFuzzerMutate(data, size, most);
}
