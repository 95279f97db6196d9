// SPDX-License-Identifier: Apache-2.0
#include "readers/format/npy_file.h"

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/readers/write_file.h"
#include "tests/support/file_contents.h"
#include "tests/support/temp_dir.h"

namespace larkspur::readers {
namespace {

using pipeline::Errc;
using ::testing::HasSubstr;

std::string npy(const std::string& header, const std::string& values, char version = 1) {
  std::string bytes = std::string("\x93NUMPY") + version + '\0';
  const auto length = static_cast<std::uint32_t>(header.size());
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) bytes += static_cast<char>(length >> (8 * i));
  return bytes + header + values;
}

std::string header(const std::string& type, const std::string& shape, bool is_fortran = false) {
  return "{'descr': '" + type + "', 'fortran_order': " + (is_fortran ? "True" : "False") +
         ", 'shape': " + shape + ", }   \n";
}

void expect_values(const std::string& bytes, const at::Tensor& expected) {
  const auto array = parse_npy(bytes, "a.npy");
  ASSERT_TRUE(array.ok()) << array.error().what();
  EXPECT_EQ(array.value().scalar_type(), at::kFloat);
  EXPECT_TRUE(array.value().is_contiguous());
  EXPECT_EQ(array.value().sizes(), expected.sizes());
  EXPECT_TRUE(at::equal(array.value(), expected)) << bytes.substr(0, 60);
}

void expect_npy_refused(const std::string& bytes, Errc code, const std::string& text) {
  const auto array = parse_npy(bytes, "a.npy");
  ASSERT_FALSE(array.ok()) << text;
  EXPECT_EQ(array.error().code(), code);
  EXPECT_THAT(array.error().what(), HasSubstr(text));
  EXPECT_THAT(array.error().what(), HasSubstr("a.npy"));
}

const at::Tensor kCount = at::arange(6, at::kFloat).reshape({2, 3});

TEST(NpyFile, ReadsEveryTypeAsFloat) {
  const std::string shape = "(2, 3)";
  expect_values(npy(header("<f4", shape), testing::bytes_of<float>({0, 1, 2, 3, 4, 5})), kCount);
  expect_values(npy(header("<f8", shape), testing::bytes_of<double>({0, 1, 2, 3, 4, 5})), kCount);
  expect_values(npy(header("|u1", shape), testing::bytes_of<std::uint8_t>({0, 1, 2, 3, 4, 5})),
                kCount);
  expect_values(npy(header("|i1", shape), testing::bytes_of<std::int8_t>({0, -1, -2, -3, -4, -5})),
                -kCount);
  expect_values(npy(header("<i2", shape), testing::bytes_of<std::int16_t>({0, -1, -2, -3, -4, -5})),
                -kCount);
  expect_values(npy(header("<u2", shape), testing::bytes_of<std::uint16_t>({0, 1, 2, 3, 4, 5})),
                kCount);
  expect_values(npy(header("<i4", shape), testing::bytes_of<std::int32_t>({0, -1, -2, -3, -4, -5})),
                -kCount);
  expect_values(npy(header("<u4", shape), testing::bytes_of<std::uint32_t>({0, 1, 2, 3, 4, 5})),
                kCount);
  expect_values(npy(header("<i8", shape), testing::bytes_of<std::int64_t>({0, -1, -2, -3, -4, -5})),
                -kCount);
}

TEST(NpyFile, ReadsHalfPrecision) {  // 1.5, -2 and 65504 in IEEE 754 binary16
  expect_values(
      npy(header("<f2", "(3,)"), testing::bytes_of<std::uint16_t>({0x3E00, 0xC000, 0x7BFF})),
      at::tensor({1.5F, -2.0F, 65504.0F}));
}

TEST(NpyFile, ReadsFortranOrderAsTheSameArray) {
  expect_values(npy(header("<f4", "(2, 3)", true), testing::bytes_of<float>({0, 3, 1, 4, 2, 5})),
                kCount);
}

TEST(NpyFile, ReadsTheWideHeadersOfVersionsTwoAndThree) {
  for (const char version : {'\2', '\3'}) {
    expect_values(
        npy(header("<f4", "(2, 3)"), testing::bytes_of<float>({0, 1, 2, 3, 4, 5}), version),
        kCount);
  }
}

TEST(NpyFile, ReadsScalarsAndEmptyArrays) {
  expect_values(npy(header("<f4", "()"), testing::bytes_of<float>({4})),
                at::tensor(4.0F).reshape({}));
  expect_values(npy(header("<f4", "(0, 3)"), ""), at::zeros({0, 3}));
}

TEST(NpyFile, ReadsKeysInAnyOrderAndQuotes) {
  const std::string text = "{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<f4\"}";
  expect_values(npy(text, testing::bytes_of<float>({0, 1, 2, 3, 4, 5})), kCount);
}

TEST(NpyFile, RefusesSizesThatContradictTheBytes) {
  const std::string six = testing::bytes_of<float>({0, 1, 2, 3, 4, 5});
  const std::string head = header("<f4", "(2, 3)");
  expect_npy_refused(
      npy(head, six.substr(0, 20)), Errc::kCorruptData, "expected 6 values of 4 bytes");
  expect_npy_refused(npy(head, six + "x"), Errc::kCorruptData, "found 25 bytes");
  expect_npy_refused(npy(header("<f4", "(4000000000, 4000000000, 4000000000)"), six),
                     Errc::kCorruptData,
                     "a shape of more than");
  expect_npy_refused(npy(header("<f4", "(0, 4000000000, 4000000000)"), ""),
                     Errc::kCorruptData,
                     "a shape of more than");
  expect_npy_refused(
      npy(header("<f4", "(1000000000, 3)"), six), Errc::kCorruptData, "expected 3000000000 values");
}

TEST(NpyFile, RefusesHeadersThatAreNotOne) {
  expect_npy_refused("OFF 3 1 0 and so on", Errc::kCorruptData, "expected an .npy file");
  expect_npy_refused("\x93NUMPY", Errc::kCorruptData, "expected an .npy file");
  expect_npy_refused(npy("{    ", "").replace(8, 2, "\xFF\xFF"), Errc::kCorruptData, "65535 bytes");
  expect_npy_refused(npy("{}          ", ""), Errc::kCorruptData, "descr, fortran_order and shape");
  expect_npy_refused(npy("{'descr': '<f4'", ""), Errc::kCorruptData, "found the end of the file");
  expect_npy_refused(npy("{'descr': '<f4", ""), Errc::kCorruptData, "a closing quote");
  expect_npy_refused(npy(header("<f4", "(-1, 3)"), ""), Errc::kCorruptData, "a size, found '-1,'");
  expect_npy_refused(npy(header("<f4", "(1L, 3)"), ""), Errc::kCorruptData, "')'");
}

TEST(NpyFile, CallsOtherTypesUnsupported) {
  expect_npy_refused(npy(header(">f4", "(1,)"), "abcd"), Errc::kUnsupported, "'>f4'");
  expect_npy_refused(npy(header("|O", "(1,)"), "abcd"), Errc::kUnsupported, "'|O'");
  const std::string records = "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,)}";
  expect_npy_refused(npy(records, "abcd"), Errc::kUnsupported, "records");
  expect_npy_refused(npy(header("<f4", "(1,)"), "abcd", '\4'), Errc::kUnsupported, "version 4");
}

TEST(NpyFile, WritesWhatItReads) {
  const testing::TempDir folder;
  for (const auto type : {at::kFloat, at::kByte, at::kLong}) {
    const auto path = folder.path() / "array.npy";
    write_npy(path, kCount.to(type).t());
    EXPECT_TRUE(at::equal(read_npy(path).value(), kCount.t()));
  }
}

// The bytes that numpy.save writes for np.array([1, 2], '<f4').
TEST(NpyFile, WritesTheBytesThatNumPyWrites) {
  const testing::TempDir folder;
  write_npy(folder.path() / "array.npy", at::tensor({1.0F, 2.0F}));
  std::ifstream file(folder.path() / "array.npy", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(bytes.size(), 128U + 8U);
  EXPECT_THAT(bytes, HasSubstr("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }  "));
  EXPECT_EQ(bytes.substr(127), "\n" + testing::bytes_of<float>({1, 2}));
}

TEST(NpyFile, RefusesToWriteOtherTypesAndPlaces) {
  try {
    write_npy("/", kCount);
    FAIL();
  } catch (const pipeline::Error& error) {
    EXPECT_EQ(error.code(), Errc::kIo);
  }
  EXPECT_THROW(write_npy("unused.npy", kCount.to(at::kDouble)), pipeline::Error);
}

}  // namespace
}  // namespace larkspur::readers
