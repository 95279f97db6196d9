// SPDX-License-Identifier: Apache-2.0
// Archives put together here byte for byte after PKWARE's APPNOTE, then damaged in one place.
#include "model3d/weights/zip_archive.h"

#include <fstream>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model3d/weights/crc32.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::model3d {
namespace {

using larkspur::testing::Refusal;
using larkspur::testing::refusal_of;
using ::testing::HasSubstr;

std::string little(std::uint64_t value, int width) {
  std::string bytes;
  for (int i = 0; i < width; ++i) {
    bytes += static_cast<char>(value & 0xFFU);
    value >>= 8U;
  }
  return bytes;
}

/// A member as its headers tell it; what is wrong in a test is set here.
struct Told {
  std::string name;
  std::string bytes;
  std::uint32_t crc = crc32(bytes.data(), bytes.size());
  std::uint64_t size = bytes.size();
  std::uint64_t stored = size;
  std::uint64_t method = 0;
  std::uint64_t flags = 0;
  std::uint64_t header = ~std::uint64_t{0};  ///< where it is said to be; all ones: where it is
  bool wide = false;                         ///< sizes and place in a zip64 field
};

std::string facts(const Told& told, std::size_t extra) {
  return little(20, 2) + little(told.flags, 2) + little(told.method, 2) + little(0, 4) +
         little(told.crc, 4) + little(told.wide ? 0xFFFFFFFF : told.stored, 4) +
         little(told.wide ? 0xFFFFFFFF : told.size, 4) + little(told.name.size(), 2) +
         little(extra, 2);
}

struct Archive {
  std::string bytes;
  std::size_t directory = 0;
  std::size_t end = 0;
};

Archive archive_of(const std::vector<Told>& members) {
  Archive archive;
  std::string directory;
  for (const Told& told : members) {
    const std::uint64_t at = told.header == ~std::uint64_t{0} ? archive.bytes.size() : told.header;
    const std::string extra = told.wide ? "FB" + little(2, 2) + "ZZ" + little(1, 2) +
                                              little(24, 2) + little(told.size, 8) +
                                              little(told.stored, 8) + little(at, 8)
                                        : std::string();
    directory += "PK\x01\x02" + little(20, 2) + facts(told, extra.size()) + little(0, 6) +
                 little(0, 4) + little(told.wide ? 0xFFFFFFFF : at, 4) + told.name + extra;
    archive.bytes += "PK\x03\x04" + facts(told, 3) + told.name + "xxx" + told.bytes;
  }
  archive.directory = archive.bytes.size();
  archive.bytes += directory;
  archive.end = archive.bytes.size();
  archive.bytes += "PK\x05\x06" + little(0, 4) + little(members.size(), 2) +
                   little(members.size(), 2) + little(directory.size(), 4) +
                   little(archive.directory, 4) + little(0, 2);
  return archive;
}

/// The same with its end told by zip64 records.
std::string with_zip64_end(const Archive& archive, std::uint64_t members) {
  return archive.bytes.substr(0, archive.end) + "PK\x06\x06" + little(44, 8) + little(45, 4) +
         little(0, 8) + little(members, 8) + little(members, 8) +
         little(archive.end - archive.directory, 8) + little(archive.directory, 8) + "PK\x06\x07" +
         little(0, 4) + little(archive.end, 8) + little(1, 4) + "PK\x05\x06" + little(0, 4) +
         little(0xFFFF, 2) + little(0xFFFF, 2) + little(0xFFFFFFFF, 4) + little(0xFFFFFFFF, 4) +
         little(0, 2);
}

class ZipArchiveTest : public ::testing::Test {
 protected:
  std::filesystem::path file(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
    return path_;
  }

  Refusal refusal(const std::string& bytes) const {
    return refusal_of([&] {
      const ZipArchive archive(file(bytes));
      for (const ZipMember& member : archive.members()) archive.check(member);
    });
  }

  std::string complaint(const std::vector<Told>& members) const {
    return refusal(archive_of(members).bytes).text;
  }

  testing::TempDir folder_;
  std::filesystem::path path_ = folder_.path() / "x.zip";
};

std::string text_of(const ZipArchive& archive, const std::string& name) {
  const ZipMember& member = *archive.find(name);
  archive.check(member);
  std::string text(member.size, '\0');
  archive.read(member, 0, member.size, text.data());
  return text;
}

TEST_F(ZipArchiveTest, FindsWhatWasStored) {
  const std::vector<Told> members{{"w/a", "alpha"}, {"w/none", ""}, {"w/b", "beta"}};
  const Archive plain = archive_of(members);
  std::vector<Told> wide = members;
  for (Told& told : wide) told.wide = true;
  std::string commented = plain.bytes;
  commented.replace(commented.size() - 2, 2, little(5, 2) + "hello");
  for (const std::string& bytes : {plain.bytes,
                                   archive_of(wide).bytes,
                                   commented,
                                   with_zip64_end(plain, 3),
                                   with_zip64_end(archive_of(wide), 3)}) {
    const ZipArchive archive(file(bytes));
    ASSERT_EQ(archive.members().size(), 3U);
    EXPECT_EQ(archive.members()[0].name, "w/a");
    EXPECT_EQ(text_of(archive, "w/a"), "alpha");
    EXPECT_EQ(text_of(archive, "w/none"), "");
    EXPECT_EQ(text_of(archive, "w/b"), "beta");
    EXPECT_EQ(archive.find("w/c"), nullptr);
  }
}

TEST_F(ZipArchiveTest, AMemberThatChangedIsRefusedByItsName) {
  std::string long_text(3'000'001, 'x');
  Told told{"w/data/7", long_text};
  EXPECT_EQ(refusal(archive_of({told}).bytes).code, "no error");
  told.bytes[2'999'999] = 'y';
  const Refusal refused = refusal(archive_of({told}).bytes);
  EXPECT_EQ(refused.code, "corrupt data");
  EXPECT_THAT(refused.text, HasSubstr("x.zip: member w/data/7 is damaged: its CRC-32 is "));
}

TEST_F(ZipArchiveTest, DirectoriesThatContradictTheFileAreRefused) {
  EXPECT_THAT(complaint({{.name = "a", .bytes = "abc", .size = 1U << 30}}), HasSubstr("overlaps"));
  const std::uint64_t claimed = std::uint64_t{1} << 60;
  EXPECT_THAT(complaint({{.name = "a", .bytes = "abc", .size = claimed, .wide = true}}),
              HasSubstr("overlaps"));
  EXPECT_THAT(complaint({{.name = "a", .bytes = "abc", .header = claimed, .wide = true}}),
              HasSubstr("overlaps"));
  EXPECT_THAT(complaint({{"a", "abc"}, {.name = "b", .bytes = "abc", .header = 0}}),
              HasSubstr("overlaps another or the file's end: b"));
  EXPECT_THAT(complaint({{"a", "abc"}, {.name = "b", .bytes = "abc", .header = 5}}),
              HasSubstr("overlaps"));
  EXPECT_THAT(complaint({{"a", "abc"}, {.name = "b", .bytes = "abc", .header = 38}}),
              HasSubstr("not where it should be: b"));
  EXPECT_THAT(complaint({{.name = "a", .bytes = "abc", .stored = 2}}), HasSubstr("two sizes"));
  EXPECT_THAT(complaint({{"a", "abc"}, {"a", "d"}}), HasSubstr("two members of the name a"));
  EXPECT_THAT(complaint({{.name = "a\nb", .bytes = "abc", .crc = 0}}), HasSubstr("a?b is damaged"));
}

TEST_F(ZipArchiveTest, WhatTorchDoesNotWriteIsRefused) {
  const Refusal squeezed = refusal(archive_of({{.name = "a", .bytes = "abc", .method = 8}}).bytes);
  EXPECT_EQ(squeezed.code, "unsupported");
  EXPECT_THAT(squeezed.text, HasSubstr("member a is compressed or encrypted"));
  EXPECT_EQ(refusal(archive_of({{.name = "a", .bytes = "abc", .flags = 1}}).bytes).code,
            "unsupported");
  EXPECT_THAT(refusal("no archive at all").text, HasSubstr("no zip archive"));
  EXPECT_EQ(refusal_of([&] { const ZipArchive none(folder_.path() / "absent"); }).code,
            "not found");
  EXPECT_EQ(refusal_of([&] { const ZipArchive none(folder_.path()); }).code, "unsupported");
}

TEST_F(ZipArchiveTest, AFileThatWasCutShortIsRefusedAtEveryLength) {
  const Archive plain = archive_of({{"w/a", "alpha"}, {"w/b", "beta"}});
  const Archive wide = {with_zip64_end(plain, 2), plain.directory, plain.end};
  for (const std::string& bytes : {plain.bytes, wide.bytes}) {
    for (std::size_t size = 4; size < bytes.size(); ++size) {
      EXPECT_EQ(refusal(bytes.substr(0, size)).code, "corrupt data") << size;
    }
  }
  EXPECT_THAT(refusal(plain.bytes.substr(0, 60)).text, HasSubstr("the file was cut short"));
}

// No byte of the headers may lead outside of the file, whatever it becomes.
TEST_F(ZipArchiveTest, EveryByteMayBeWrong) {
  const Archive plain =
      archive_of({{"w/a", "alpha"}, {.name = "w/b", .bytes = "be", .wide = true}});
  for (const std::string& bytes : {plain.bytes, with_zip64_end(plain, 2)}) {
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      for (const char value : {'\x00', '\x01', '\x7f', '\xff'}) {
        std::string wrong = bytes;
        wrong[at] = value;
        const std::string code = refusal(wrong).code;
        EXPECT_TRUE(code == "no error" || code == "corrupt data" || code == "unsupported") << code;
      }
    }
  }
}

TEST_F(ZipArchiveTest, AHugeDirectoryIsRefusedBeforeItIsRead) {
  const auto path = file("PK\x03\x04");
  const std::uint64_t bytes = 40'000'000;
  std::filesystem::resize_file(path, 4 + bytes);
  std::ofstream(path, std::ios::binary | std::ios::app)
      << "PK\x05\x06" << little(0, 4) << little(9, 2) << little(9, 2) << little(bytes, 4)
      << little(4, 4) << little(0, 2);
  const Refusal refused = refusal_of([&] { const ZipArchive archive(path); });
  EXPECT_THAT(refused.text, HasSubstr("a zip directory of 40000000 bytes"));
}

TEST(Crc32, IsThatOfZip) {
  EXPECT_EQ(crc32("123456789", 9), 0xCBF43926U);  // the check value of its definition
  EXPECT_EQ(crc32("", 0), 0U);
  const std::string text = "no two parts of eight bytes are at the same place in this sentence";
  const std::uint32_t whole = crc32(text.data(), text.size());
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const std::uint32_t first = crc32(text.data(), cut);
    EXPECT_EQ(crc32(text.data() + cut, text.size() - cut, first), whole);
  }
}

}  // namespace
}  // namespace larkspur::model3d
