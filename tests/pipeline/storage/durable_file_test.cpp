// SPDX-License-Identifier: Apache-2.0
#include "pipeline/storage/durable_file.h"

#include <gmock/gmock.h>

#include "pipeline/error.h"
#include "tests/support/temp_dir.h"

namespace larkspur::pipeline {
namespace {

TEST(WriteAndRename, ReplacesAFileAndLeavesNothingAside) {
  const testing::TempDir folder;
  const auto path = folder.path() / "a.json";
  write_and_rename(path, "one");
  write_and_rename(path, std::string("two"));
  EXPECT_EQ(read_file(path), "two");
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "a.json.part"));
}

TEST(WriteAndRename, AWriterThatThrowsLeavesTheFileAsItWasAndMayTryAgain) {
  const testing::TempDir folder;
  const auto path = folder.path() / "a.json";
  write_and_rename(path, "one");
  EXPECT_THROW(write_and_rename(path,
                                [](const std::filesystem::path& aside) {
                                  DurableFile(aside).write("half", 4);
                                  throw Error(Errc::kIo, "the disk is full");
                                }),
               Error);
  EXPECT_EQ(read_file(path), "one");
  write_and_rename(path, [](const std::filesystem::path& aside) {
    DurableFile file(aside);
    file.write("three", 5);
    file.finish();
  });
  EXPECT_EQ(read_file(path), "three");
}

TEST(DurableFile, NamesAPathItCannotCreate) {
  const testing::TempDir folder;
  write_and_rename(folder.path() / "a", "x");
  try {
    DurableFile again(folder.path() / "a");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::StartsWith("cannot create " + folder.path().string()));
  }
}

}  // namespace
}  // namespace larkspur::pipeline
