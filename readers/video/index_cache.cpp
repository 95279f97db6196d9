// SPDX-License-Identifier: Apache-2.0
#include "readers/video/index_cache.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/log.h"
#include "pipeline/require.h"
#include "pipeline/storage/crc32c.h"
#include "pipeline/storage/durable_file.h"
#include "readers/file_bytes.h"
#include "readers/video/record_bytes.h"

namespace larkspur::readers {
namespace {

namespace fs = std::filesystem;
using pipeline::Result;

constexpr std::int64_t kEndBytes =
    16384;  // of the file, from either end, that take part in its key
constexpr std::size_t kCrcBytes = sizeof(std::uint32_t);

// The same file by another relative path, or seen from another folder, has one entry.
std::string name_of(const fs::path& path) {
  std::error_code error;
  const fs::path whole = fs::absolute(path, error);
  return (error ? path : whole).lexically_normal().string();
}

// 64-bit FNV-1a. Two paths of one hash take each other's place and nothing worse: the path is kept.
std::string hex_hash(const std::string& name) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[hash >> shift & 15];
  return text;
}

// Of the first and last bytes: catches a file that another of its size and time has replaced.
std::optional<std::uint32_t> crc_of_ends(int file, std::int64_t size) {
  std::array<char, kEndBytes> bytes{};
  std::uint32_t crc = 0;
  for (const std::int64_t start : {std::int64_t{0}, std::max<std::int64_t>(size - kEndBytes, 0)}) {
    const auto want = static_cast<std::size_t>(std::min(size, kEndBytes));
    if (::pread(file, bytes.data(), want, start) != static_cast<ssize_t>(want)) return std::nullopt;
    crc = pipeline::crc32c(bytes.data(), want, crc);
  }
  return crc;
}

/// What an entry begins with; nothing where the file cannot be read: opening it will say why.
std::optional<std::string> key_of(const fs::path& path) {
  const pipeline::FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  const auto crc = crc_of_ends(file.get(), status.st_size);
  if (!crc) return {};
  return pipeline::text_of("larkspur video record ",
                           kRecordVersion,
                           "\nreaders ",
                           video_readers(),
                           "\nbytes ",
                           status.st_size,
                           "\nmodified ",
                           status.st_mtim.tv_sec,
                           ".",
                           status.st_mtim.tv_nsec,
                           "\nends ",
                           *crc,
                           "\n",
                           name_of(path),
                           "\n");
}

std::string with_crc(std::string bytes) {
  const std::uint32_t crc = pipeline::crc32c(bytes.data(), bytes.size());
  for (std::size_t i = 0; i < kCrcBytes; ++i) bytes += static_cast<char>(crc >> 8 * i);
  return bytes;
}

std::shared_ptr<const VideoRecord> kept_record(const fs::path& entry, const std::string& key) {
  const auto read = read_file(entry);
  if (!read.ok()) return nullptr;
  std::string_view bytes = read.value().view();
  if (!bytes.starts_with(key) || bytes.size() < key.size() + kCrcBytes) return nullptr;
  bytes.remove_suffix(kCrcBytes);
  if (with_crc(std::string(bytes)) != read.value().view()) return nullptr;
  auto record = record_of(bytes.substr(key.size()));
  return record ? std::make_shared<const VideoRecord>(*std::move(record)) : nullptr;
}

}  // namespace

IndexCache::IndexCache(IndexFolder folder) : folder_(std::move(folder)) {}

fs::path IndexCache::entry_of(const fs::path& path) const {
  const std::string hash = hex_hash(name_of(path));
  return folder_.path / hash.substr(0, 2) / (hash + ".index");
}

// Not synced: what a crash of the machine tears, its CRC tells.
std::string IndexCache::keep(const fs::path& entry, const std::string& bytes) const {
  fs::path aside = entry;
  try {
    aside += pipeline::text_of(".", ::getpid(), "-", std::random_device{}());
    fs::create_directories(entry.parent_path());
    pipeline::DurableFile file(aside);
    file.write(bytes.data(), bytes.size());
    fs::rename(aside, entry);
    return "";
  } catch (const std::exception& refused) {
    std::error_code error;
    if (aside != entry) fs::remove(aside, error);
    std::call_once(told_, [&] {
      pipeline::log_info(pipeline::text_of("the index cache ",
                                           folder_.path.string(),
                                           " cannot be written, videos are indexed whenever they "
                                           "are opened: ",
                                           refused.what()));
    });
    return refused.what();
  }
}

Result<IndexCache::Opened> IndexCache::open(const fs::path& path) const {
  const auto key = folder_.path.empty() ? std::nullopt : key_of(path);
  const fs::path entry = key ? entry_of(path) : fs::path();
  auto known = key ? kept_record(entry, *key) : nullptr;
  auto opened = VideoFile::open(path, known);
  if (!opened.ok() && known != nullptr) {
    known = nullptr;
    opened = VideoFile::open(path);
  }
  if (!opened.ok()) return opened.error();
  std::unique_ptr<VideoFile> video = std::move(opened).value();
  std::string not_kept;
  if (key && known == nullptr && !folder_.is_read_only) {
    not_kept = keep(entry, with_crc(*key + bytes_of(*video->record())));
  }
  return Opened{std::move(video), known != nullptr, std::move(not_kept)};
}

}  // namespace larkspur::readers
