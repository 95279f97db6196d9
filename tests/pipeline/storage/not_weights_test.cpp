// SPDX-License-Identifier: Apache-2.0
#include "pipeline/storage/not_weights.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace larkspur::pipeline {
namespace {

using ::testing::HasSubstr;

TEST(NotWeights, NamesWhatLiesThereAndTheWayOut) {
  EXPECT_THAT(name_of_not_weights(""), HasSubstr("zero bytes"));
  EXPECT_THAT(name_of_not_weights("\n<!DOCTYPE html>"), HasSubstr("a web page"));
  EXPECT_THAT(name_of_not_weights("version https://git-lfs.github.com/spec/v1"),
              HasSubstr("git lfs pull"));
  EXPECT_THAT(name_of_not_weights("{\"error\": 404}"), HasSubstr("JSON text"));
  EXPECT_THAT(name_of_not_weights("\x80\x02\x8a\x0al"), HasSubstr("before 1.6"));
  EXPECT_THAT(name_of_not_weights(std::string("\x10\0\0\0\0\0\0\0{\"a\"", 12)),
              HasSubstr("name it .safetensors"));
  EXPECT_EQ(name_of_not_weights("anything else"), "");
}

}  // namespace
}  // namespace larkspur::pipeline
