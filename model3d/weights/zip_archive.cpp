// SPDX-License-Identifier: Apache-2.0
#include "model3d/weights/zip_archive.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model3d/weights/crc32.h"
#include "pipeline/require.h"
#include "pipeline/storage/not_weights.h"
#include "pipeline/utf8.h"

namespace larkspur::model3d {
namespace {

using pipeline::Errc;
using pipeline::one_line;
using pipeline::require;

constexpr std::string_view kLocalHeader("PK\x03\x04", 4);
constexpr std::string_view kDirectoryEntry("PK\x01\x02", 4);
constexpr std::string_view kEnd("PK\x05\x06", 4);
constexpr std::string_view kZip64End("PK\x06\x06", 4);
constexpr std::string_view kZip64Locator("PK\x06\x07", 4);

constexpr std::uint64_t kLocalBytes = 30;
constexpr std::uint64_t kEntryBytes = 46;
constexpr std::uint64_t kEndBytes = 22;
constexpr std::uint64_t kZip64EndBytes = 56;
constexpr std::uint64_t kLocatorBytes = 20;
constexpr std::uint64_t kMaxCommentBytes = 0xFFFF;

/// Stands in a field of 16 or 32 bits for a value that zip64 has elsewhere.
constexpr std::uint64_t kElsewhere16 = 0xFFFF;
constexpr std::uint64_t kElsewhere32 = 0xFFFFFFFF;

/// The little-endian number of `width` bytes at `at`, which `bytes` must have.
std::uint64_t number(std::string_view bytes, std::size_t at, std::size_t width) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  }
  return value;
}

std::string hex(std::uint32_t value) {
  char text[9];
  std::snprintf(text, sizeof text, "%08x", value);
  return text;
}

/// Sizes and place of a member as its directory entry has them.
struct MemberExtent {
  std::uint64_t size;
  std::uint64_t stored;  ///< its size in the archive
  std::uint64_t header;  ///< offset of its local header
};

/// Takes from the zip64 field among `extra` what the entry itself has no room for; false where it
/// is not there.
bool fill_from_zip64(std::string_view extra, MemberExtent& place) {
  std::string_view field;
  for (std::size_t at = 0; extra.size() - at >= 4;) {
    const std::size_t size = number(extra, at + 2, 2);
    if (size > extra.size() - at - 4) break;
    if (number(extra, at, 2) == 1) field = extra.substr(at + 4, size);
    at += 4 + size;
  }
  for (std::uint64_t* value : {&place.size, &place.stored, &place.header}) {
    if (*value != kElsewhere32) continue;
    if (field.size() < 8) return false;
    *value = number(field, 0, 8);
    field.remove_prefix(8);
  }
  return true;
}

}  // namespace

ZipArchive::ZipArchive(std::filesystem::path path)
    : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
  require(descriptor_.valid(), Errc::kNotFound, path_.string(), ": ", std::strerror(errno));
  struct stat status {};
  require(::fstat(descriptor_.get(), &status) == 0 && S_ISREG(status.st_mode),
          Errc::kUnsupported,
          path_.string(),
          ": is no file");
  file_bytes_ = static_cast<std::uint64_t>(status.st_size);
  const std::string start =
      bytes_at(0, std::min<std::uint64_t>(file_bytes_, pipeline::kNotWeightsBytes));
  if (!start.starts_with(kLocalHeader)) {
    const std::string other = pipeline::name_of_not_weights(start);
    throw pipeline::Error(Errc::kUnsupported,
                          path_.string() + ": no zip archive, as torch writes its files" +
                              (other.empty() ? "" : "; ") + other);
  }
  const Directory directory = find_directory();
  read_directory(directory);
  find_bytes(directory);
}

void ZipArchive::read_at(std::uint64_t begin, std::uint64_t size, void* out) const {
  auto* to = static_cast<char*>(out);
  while (size > 0) {
    const ssize_t got = ::pread(descriptor_.get(), to, size, static_cast<off_t>(begin));
    if (got < 0 && errno == EINTR) continue;
    require(got > 0,
            Errc::kIo,
            path_.string(),
            ": cannot be read: ",
            got < 0 ? std::strerror(errno) : "it became shorter");
    to += got;
    begin += static_cast<std::uint64_t>(got);
    size -= static_cast<std::uint64_t>(got);
  }
}

std::string ZipArchive::bytes_at(std::uint64_t begin, std::uint64_t size) const {
  std::string bytes(size, '\0');
  read_at(begin, size, bytes.data());
  return bytes;
}

void ZipArchive::check_that(bool good, std::string_view what) const {
  require(good, Errc::kCorruptData, path_.string(), ": the zip archive ", what);
}

ZipArchive::Directory ZipArchive::find_directory() const {
  // The end has a comment of any length behind it: look backwards for one that fits the file.
  const std::uint64_t tail = std::min(file_bytes_, kEndBytes + kMaxCommentBytes);
  const std::string bytes = bytes_at(file_bytes_ - tail, tail);
  std::size_t at = bytes.rfind(kEnd);
  const auto fits = [&] {
    return at + kEndBytes <= tail && at + kEndBytes + number(bytes, at + 20, 2) == tail;
  };
  while (at != std::string::npos && !fits())
    at = at == 0 ? std::string::npos : bytes.rfind(kEnd, at - 1);
  check_that(at != std::string::npos, "has no end: the file was cut short");
  Directory directory{.begin = number(bytes, at + 16, 4),
                      .bytes = number(bytes, at + 12, 4),
                      .members = number(bytes, at + 10, 2)};
  const bool elsewhere = directory.begin == kElsewhere32 || directory.bytes == kElsewhere32 ||
                         directory.members == kElsewhere16;
  std::uint64_t end = file_bytes_ - tail + at;
  if (elsewhere) {
    check_that(end >= kLocatorBytes, "lacks its zip64 end");
    end -= kLocatorBytes;
    directory = directory_of_zip64(end);
  }
  check_that(directory.begin <= end && directory.bytes <= end - directory.begin &&
                 directory.members <= directory.bytes / kEntryBytes,
             "has a directory that does not lie inside the file");
  require(directory.bytes <= kMaxDirectoryBytes,
          Errc::kUnsupported,
          path_.string(),
          ": a zip directory of ",
          directory.bytes,
          " bytes, more than the ",
          kMaxDirectoryBytes,
          " that are read");
  return directory;
}

ZipArchive::Directory ZipArchive::directory_of_zip64(std::uint64_t locator) const {
  const std::string found = bytes_at(locator, kLocatorBytes);
  const std::uint64_t begin = number(found, 8, 8);
  check_that(found.starts_with(kZip64Locator) && locator >= kZip64EndBytes &&
                 begin <= locator - kZip64EndBytes,
             "lacks its zip64 end");
  const std::string end = bytes_at(begin, kZip64EndBytes);
  check_that(end.starts_with(kZip64End), "lacks its zip64 end");
  return {.begin = number(end, 48, 8), .bytes = number(end, 40, 8), .members = number(end, 32, 8)};
}

void ZipArchive::read_directory(const Directory& directory) {
  const std::string bytes = bytes_at(directory.begin, directory.bytes);
  std::string_view rest = bytes;
  members_.reserve(directory.members);
  for (std::uint64_t i = 0; i < directory.members; ++i) {
    check_that(rest.size() >= kEntryBytes && rest.starts_with(kDirectoryEntry),
               "has a directory with fewer entries than it claims");
    const std::size_t name_bytes = number(rest, 28, 2);
    const std::size_t extra_bytes = number(rest, 30, 2);
    const std::size_t whole = kEntryBytes + name_bytes + extra_bytes + number(rest, 32, 2);
    check_that(whole <= rest.size(), "has a directory with an entry that is cut short");
    ZipMember member{.name = std::string(rest.substr(kEntryBytes, name_bytes)),
                     .crc = static_cast<std::uint32_t>(number(rest, 16, 4))};
    MemberExtent place{number(rest, 24, 4), number(rest, 20, 4), number(rest, 42, 4)};
    const bool found = fill_from_zip64(rest.substr(kEntryBytes + name_bytes, extra_bytes), place);
    check_that(found, "has an entry without its sizes: " + one_line(member.name));
    require(number(rest, 10, 2) == 0 && (number(rest, 8, 2) & 1U) == 0,
            Errc::kUnsupported,
            path_.string(),
            ": member ",
            one_line(member.name),
            " is compressed or encrypted; torch stores members as they are: save the file again");
    check_that(place.size == place.stored, "has two sizes for " + one_line(member.name));
    member.begin = place.header;  // its bytes are found from there
    member.size = place.size;
    members_.push_back(std::move(member));
    rest.remove_prefix(whole);
  }
}

void ZipArchive::find_bytes(const Directory& directory) {
  std::vector<ZipMember*> in_order;
  for (ZipMember& member : members_) in_order.push_back(&member);
  std::ranges::stable_sort(in_order, {}, &ZipMember::begin);
  std::uint64_t filled = 0;
  for (ZipMember* member : in_order) {
    const auto inside = [&](std::uint64_t bytes) {
      return member->begin >= filled && member->begin <= directory.begin &&
             bytes <= directory.begin - member->begin;
    };
    const std::string what = "has a member that overlaps another or the file's end: ";
    check_that(inside(kLocalBytes), what + one_line(member->name));
    const std::string header = bytes_at(member->begin, kLocalBytes);
    check_that(header.starts_with(kLocalHeader),
               "has a member that is not where it should be: " + one_line(member->name));
    const std::uint64_t before = kLocalBytes + number(header, 26, 2) + number(header, 28, 2);
    check_that(inside(before) && member->size <= directory.begin - member->begin - before,
               what + one_line(member->name));
    member->begin += before;
    filled = member->begin + member->size;
  }
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const bool first = by_name_.emplace(members_[i].name, i).second;
    check_that(first, "has two members of the name " + one_line(members_[i].name));
  }
}

const ZipMember* ZipArchive::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &members_[found->second];
}

void ZipArchive::read(const ZipMember& member,
                      std::uint64_t offset,
                      std::uint64_t size,
                      void* out) const {
  read_at(member.begin + offset, size, out);
}

void ZipArchive::check(const ZipMember& member) const {
  constexpr std::uint64_t kPiece = 1U << 20U;
  std::string piece(std::min(kPiece, member.size), '\0');
  std::uint32_t crc = 0;
  for (std::uint64_t done = 0; done < member.size; done += piece.size()) {
    piece.resize(std::min(kPiece, member.size - done));
    read(member, done, piece.size(), piece.data());
    crc = crc32(piece.data(), piece.size(), crc);
  }
  require(crc == member.crc,
          Errc::kCorruptData,
          path_.string(),
          ": member ",
          one_line(member.name),
          " is damaged: its CRC-32 is ",
          hex(crc),
          ", the archive says ",
          hex(member.crc));
}

}  // namespace larkspur::model3d
