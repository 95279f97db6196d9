// SPDX-License-Identifier: Apache-2.0
#include "pipeline/storage/safetensors.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/error.h"
#include "pipeline/storage/durable_file.h"
#include "tests/support/refusal.h"
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
  write_text(path, 62, R"({"a":{"dtype":"Q16","shape":[0],"data_offsets":[0,0]}}        )");
  EXPECT_EQ(refusal(path), Errc::kUnsupported);
  EXPECT_EQ(refusal(folder.path() / "absent"), Errc::kNotFound);
}

/// What opening a file of this header and so many bytes behind it is refused with.
std::string complaint(const std::string& header, std::size_t bytes) {
  const testing::TempDir folder;
  const auto path = folder.path() / "t";
  write_text(path, header.size(), header + std::string(bytes, '\0'));
  const testing::Refusal refusal = testing::refusal_of([&] { const SafetensorsReader r(path); });
  EXPECT_EQ(refusal.code, "corrupt data") << refusal;
  return refusal.text.substr(refusal.text.find("t: ") + 3);
}

TEST(Safetensors, EntriesFillTheFileOnceOrAreNamed) {
  const std::string a = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  const auto with_b = [&](const char* offsets) {
    return a + R"(,"b":{"dtype":"F32","shape":[2],"data_offsets":)" + offsets + "}}";
  };
  EXPECT_EQ(complaint(with_b("[8,16]"), 12),
            "entry b at bytes 8 to 16 of 12: the file was cut short");
  EXPECT_EQ(complaint(with_b("[4,12]"), 12),
            "entry b begins at byte 4, inside the entry before it, which ends at 8");
  EXPECT_EQ(complaint(with_b("[12,20]"), 20),
            "entry b begins at byte 12, behind a hole that begins at 8");
  EXPECT_EQ(complaint(a + "}", 9), "1 bytes behind the last entry");
}

TEST(Safetensors, AShapeThatIsNotItsBytesIsRefused) {
  const auto header = [](const char* shape) {
    return std::string(R"({"a":{"dtype":"F32","shape":)") + shape + R"(,"data_offsets":[0,8]}})";
  };
  EXPECT_EQ(complaint(header("[3]"), 8),
            "entry a has 8 bytes, which is not what its type F32 and its shape [3] take");
  for (const char* shape : {"[4611686018427387904]",
                            "[-2]",
                            "[2305843009213693952,2305843009213693952,0]",
                            "[2305843009213693954,4]"}) {
    EXPECT_THAT(complaint(header(shape), 8), ::testing::HasSubstr(shape));
  }
}

TEST(Safetensors, WhatAHeaderHoldsIsBounded) {
  const std::string deep(1'000'000, '[');
  const auto with_shape = [](const std::string& shape) {
    return R"({"a":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":[0,4]}})";
  };
  const auto no_names = "the header is not JSON of names and their entries";
  EXPECT_EQ(complaint(deep, 4), no_names);
  EXPECT_EQ(complaint(with_shape(deep), 4), no_names);
  EXPECT_EQ(complaint(with_shape(deep + std::string(1'000'000, ']')), 4), no_names);
  EXPECT_EQ(complaint(with_shape("[[1]]"), 4), "entry a has the shape [[1]]");
  EXPECT_LT(complaint(with_shape("[" + std::string(100'000, '9') + "]"), 4).size(), 200U);
  EXPECT_EQ(complaint(R"({"a\n\u0007b":1})", 0), "entry a??b is malformed");
  std::string axes = "[1";
  for (int i = 0; i < 16; ++i) axes += ",1";
  const testing::TempDir folder;
  const std::string header = with_shape(axes + "]");
  write_text(folder.path() / "t", header.size(), header + "1234");
  EXPECT_EQ(refusal(folder.path() / "t"), Errc::kUnsupported);
}

// Bytes of 1, -2.5 and 0.15625 in every type, written out by hand from the definitions of the
// types.
TEST(Safetensors, ConvertsEveryTypeOfWeights) {
  const testing::TempDir folder;
  const auto path = folder.path() / "t.safetensors";
  const std::string header = R"({"h":{"dtype":"F16","shape":[3,1],"data_offsets":[0,6]},)"
                             R"("b":{"dtype":"BF16","shape":[3],"data_offsets":[6,12]},)"
                             R"("d":{"dtype":"F64","shape":[3],"data_offsets":[12,36]},)"
                             R"("n":{"dtype":"I64","shape":[],"data_offsets":[36,44]}})";
  const double wide[] = {1.0, -2.5, 0.15625};
  write_text(path,
             header.size(),
             header + std::string("\x00\x3c\x00\xc1\x00\x31", 6) +
                 std::string("\x80\x3f\x20\xc0\x20\x3e", 6) +
                 std::string(reinterpret_cast<const char*>(wide), sizeof(wide)) +
                 std::string(8, '\0'));
  const SafetensorsReader reader(path);
  EXPECT_THAT(reader.names(), ::testing::ElementsAre("b", "d", "h", "n"));
  EXPECT_EQ(reader.shape("h"), (std::vector<std::int64_t>{3, 1}));
  EXPECT_TRUE(reader.shape("n").empty());
  for (const char* name : {"h", "b", "d"}) {
    const at::Tensor values = reader.tensor(name);
    ASSERT_EQ(values.scalar_type(), at::kFloat);
    const auto* at = values.const_data_ptr<float>();
    EXPECT_EQ(std::vector<float>(at, at + 3), (std::vector<float>{1.0F, -2.5F, 0.15625F})) << name;
  }
  EXPECT_EQ(testing::refusal_of([&] { reader.tensor("n"); }).code, "unsupported");
  float none = 0;
  EXPECT_EQ(testing::refusal_of([&] { reader.read("d", &none); }).code, "unsupported");
}

TEST(Safetensors, WritesShapesAndNotes) {
  const testing::TempDir folder;
  const auto path = folder.path() / "t.safetensors";
  write_safetensors(path, {{"a", 3, kOne.data(), {1, 3}}}, {{"form", "clip"}});
  EXPECT_EQ(SafetensorsReader(path).shape("a"), (std::vector<std::int64_t>{1, 3}));
  EXPECT_THAT(read_file(path), ::testing::HasSubstr(R"({"__metadata__":{"form":"clip"},"a":)"));
}

TEST(Safetensors, NeverOverwritesAFile) {
  const testing::TempDir folder;
  write_two(folder.path() / "t.safetensors");
  EXPECT_THROW(write_two(folder.path() / "t.safetensors"), Error);
}

}  // namespace
}  // namespace larkspur::pipeline
