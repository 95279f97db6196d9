// SPDX-License-Identifier: Apache-2.0
#include "pipeline/safetensors.h"

#include <fstream>

#include <gtest/gtest.h>

#include "pipeline/durable_file.h"
#include "pipeline/error.h"
#include "tests/support/temp_dir.h"

namespace larkspur::pipeline {
namespace {

const std::vector<float> kOne{1.0F, 2.5F, -3.0F};
const std::vector<float> kTwo{7.0F};

WrittenTensors write_two(const std::filesystem::path& path) {
  return write_safetensors(path, {{"a:x[0:3]", 3, kOne.data()}, {"b", 1, kTwo.data()}});
}

void write_text(const std::filesystem::path& path, std::uint64_t length, const std::string& rest) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&length), 8);
  file << rest;
}

Errc refusal(const std::filesystem::path& path) {
  try {
    const SafetensorsReader reader(path);
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(path.filename().string()), std::string::npos);
    return error.code();
  }
  return Errc::kCancelled;
}

TEST(Safetensors, ReadsBackWhatWasWritten) {
  const testing::TempDir folder;
  const WrittenTensors written = write_two(folder.path() / "t.safetensors");
  const SafetensorsReader reader(folder.path() / "t.safetensors");
  std::vector<float> read(3);
  EXPECT_EQ(reader.read("a:x[0:3]", read.data()), written.tensor_crcs[0]);
  EXPECT_EQ(read, kOne);
  EXPECT_EQ(reader.elements("b"), 1);
  EXPECT_EQ(reader.header_crc(), written.header_crc);
  EXPECT_EQ(reader.file_bytes(), written.bytes);
}

// Byte for byte what the format's specification asks of this content.
TEST(Safetensors, WritesTheFormatOthersRead) {
  const testing::TempDir folder;
  write_two(folder.path() / "t.safetensors");
  const std::string bytes = read_file(folder.path() / "t.safetensors");
  const std::string header = R"({"a:x[0:3]":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},)"
                             R"("b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})";
  EXPECT_EQ(bytes.substr(8, header.size()), header);
  EXPECT_EQ(static_cast<unsigned char>(bytes[0]) % 8, 0);
  EXPECT_EQ(bytes.substr(bytes.size() - 4), std::string("\x00\x00\xe0\x40", 4));
}

TEST(Safetensors, RefusesHeadersThatContradictTheFile) {
  const testing::TempDir folder;
  const auto path = folder.path() / "bad.safetensors";
  write_text(path, std::uint64_t{1} << 60, "{}");
  EXPECT_EQ(refusal(path), Errc::kCorruptData);
  write_text(path, 5, "nojsn");
  EXPECT_EQ(refusal(path), Errc::kCorruptData);
  write_text(path, 62, R"({"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}       )");
  EXPECT_EQ(refusal(path), Errc::kCorruptData);
  write_text(path, 62, R"({"a":{"dtype":"F16","shape":[0],"data_offsets":[0,0]}}        )");
  EXPECT_EQ(refusal(path), Errc::kUnsupported);
  EXPECT_EQ(refusal(folder.path() / "absent"), Errc::kNotFound);
}

TEST(Safetensors, NeverOverwritesAFile) {
  const testing::TempDir folder;
  write_two(folder.path() / "t.safetensors");
  EXPECT_THROW(write_two(folder.path() / "t.safetensors"), Error);
}

}  // namespace
}  // namespace larkspur::pipeline
