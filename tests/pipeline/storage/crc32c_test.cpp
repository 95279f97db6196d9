// SPDX-License-Identifier: Apache-2.0
#include "pipeline/storage/crc32c.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace larkspur::pipeline {
namespace {

// RFC 3720, appendix B.4.
TEST(Crc32c, AgreesWithTheVectorsOfTheStandard) {
  const std::vector<unsigned char> zeros(32, 0);
  const std::vector<unsigned char> ones(32, 0xff);
  std::vector<unsigned char> rising(32);
  for (std::size_t i = 0; i < rising.size(); ++i) rising[i] = static_cast<unsigned char>(i);
  for (const auto crc : {&crc32c, &crc32c_portable}) {
    EXPECT_EQ(crc(zeros.data(), zeros.size(), 0), 0x8A9136AAU);
    EXPECT_EQ(crc(ones.data(), ones.size(), 0), 0x62A8AB43U);
    EXPECT_EQ(crc(rising.data(), rising.size(), 0), 0x46DD794EU);
  }
}

TEST(Crc32c, GoesOnWhereAnEarlierCallStopped) {
  const std::string text = "nine digits 123456789 and some more bytes";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const std::uint32_t first = crc32c(text.data(), cut);
    EXPECT_EQ(crc32c(text.data() + cut, text.size() - cut, first),
              crc32c_portable(text.data(), text.size()));
  }
}

}  // namespace
}  // namespace larkspur::pipeline
