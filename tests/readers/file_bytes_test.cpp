// SPDX-License-Identifier: Apache-2.0
#include "readers/file_bytes.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/readers/write_file.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using ::testing::HasSubstr;
using testing::write_file;

class ReadFile : public ::testing::Test {
 protected:
  std::filesystem::path at(const std::string& name) const { return folder_.path() / name; }

  // The error of a read that must fail, and that its message names the path.
  static Errc code_of(const std::filesystem::path& path) {
    const auto bytes = read_file(path);
    EXPECT_FALSE(bytes.ok());
    EXPECT_THAT(bytes.error().what(), HasSubstr(path.string()));
    return bytes.error().code();
  }

 private:
  testing::TempDir folder_;
};

TEST_F(ReadFile, ReturnsEveryByteAsItIs) {
  const std::string all("a\0\r\n\xFF z", 8);
  EXPECT_EQ(read_file(write_file(at("some.bin"), all)).value().view(), all);
}

TEST_F(ReadFile, NamesAFileThatIsNotThere) { EXPECT_EQ(code_of(at("absent")), Errc::kNotFound); }

TEST_F(ReadFile, SaysNotFoundWhereAFileStandsForAFolder) {
  EXPECT_EQ(code_of(write_file(at("file"), "x") / "below"), Errc::kNotFound);
}

TEST_F(ReadFile, NamesAFileOfZeroBytes) {
  EXPECT_EQ(code_of(write_file(at("empty"), "")), Errc::kCorruptData);
}

TEST_F(ReadFile, RefusesAFolder) {
  std::filesystem::create_directory(at("folder"));
  EXPECT_EQ(code_of(at("folder")), Errc::kIo);
}

TEST_F(ReadFile, RefusesANamedPipeWithoutWaitingForAWriter) {
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  EXPECT_EQ(code_of(at("pipe")), Errc::kIo);
}

TEST_F(ReadFile, RefusesASparseFileOfAnAbsurdSize) {
  std::filesystem::resize_file(write_file(at("sparse"), "x"), kLargestFileBytes + 1);
  EXPECT_EQ(code_of(at("sparse")), Errc::kUnsupported);
}

}  // namespace
}  // namespace larkspur::readers
