// SPDX-License-Identifier: Apache-2.0
#include "pipeline/storage/safetensors.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>

#include <ATen/ops/empty.h>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "pipeline/require.h"
#include "pipeline/storage/crc32c.h"
#include "pipeline/storage/durable_file.h"
#include "pipeline/storage/not_weights.h"
#include "pipeline/utf8.h"

namespace larkspur::pipeline {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::int64_t kLengthBytes = 8;
constexpr std::int64_t kMaxHeaderBytes = 16'000'000;  // parsed it takes up to thirty times that
constexpr int kMaxDepth = 4;                          // of the header; entries need 3
constexpr std::size_t kMaxAxes = 16;

/// The types the format has; `real` where weights may be of it.
struct Type {
  std::string_view name;
  std::int64_t bytes;
  std::optional<at::ScalarType> real{};
};

constexpr Type kTypes[] = {
    {"F64", 8, at::kDouble},
    {"F32", 4, at::kFloat},
    {"F16", 2, at::kHalf},
    {"BF16", 2, at::kBFloat16},
    {"I64", 8},
    {"U64", 8},
    {"I32", 4},
    {"U32", 4},
    {"I16", 2},
    {"U16", 2},
    {"I8", 1},
    {"U8", 1},
    {"BOOL", 1},
    {"F8_E4M3", 1},
    {"F8_E5M2", 1},
};

/// Zero for a name that is none of these.
std::int64_t element_bytes(std::string_view type) {
  for (const Type& row : kTypes) {
    if (row.name == type) return row.bytes;
  }
  return 0;
}

bool is_complete(const json& entry) {
  if (!entry.is_object()) return false;
  for (const char* key : {"dtype", "shape", "data_offsets"}) {
    if (!entry.contains(key)) return false;
  }
  const json& offsets = entry["data_offsets"];
  return entry["dtype"].is_string() && entry["shape"].is_array() && offsets.is_array() &&
         offsets.size() == 2 && offsets[0].is_number_unsigned() && offsets[1].is_number_unsigned();
}

std::vector<std::int64_t> shape_of(const json& sizes, const std::string& place) {
  require(sizes.size() <= kMaxAxes,
          Errc::kUnsupported,
          place,
          " has ",
          sizes.size(),
          " axes, more than ",
          kMaxAxes);
  std::vector<std::int64_t> shape;
  for (const json& size : sizes) {
    require(size.is_number_unsigned() && size.get<std::uint64_t>() < (std::uint64_t{1} << 62),
            Errc::kCorruptData,
            place,
            " has the shape ",
            one_line(sizes.dump()));
    shape.push_back(size.get<std::int64_t>());
  }
  return shape;
}

/// Bytes of a tensor; -1 where 64 bits do not hold them.
std::int64_t bytes_of(const std::vector<std::int64_t>& shape, std::int64_t bytes) {
  const bool empty = std::find(shape.begin(), shape.end(), 0) != shape.end();
  for (const std::int64_t size : shape) {
    if (__builtin_mul_overflow(bytes, std::max<std::int64_t>(1, size), &bytes)) return -1;
  }
  return empty ? 0 : bytes;
}

/// Whether brackets outside of strings are never more than kMaxDepth deep: what is parsed, printed
/// and freed by recursion elsewhere must not be as deep as a file says.
bool is_flat(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') quoted = !quoted;
    if (quoted && c == '\\') ++at;
    if (quoted) continue;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (depth > kMaxDepth) return false;
  }
  return true;
}

std::string header_of(const std::vector<TensorToWrite>& tensors,
                      const TensorFileMetadata& metadata) {
  ordered_json header = ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::int64_t offset = 0;
  for (const TensorToWrite& tensor : tensors) {
    const std::int64_t end = offset + tensor.elements * 4;
    const auto shape =
        tensor.shape.empty() ? std::vector<std::int64_t>{tensor.elements} : tensor.shape;
    header[tensor.name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data begins aligned
  return text;
}

}  // namespace

WrittenTensors write_safetensors(const std::filesystem::path& path,
                                 const std::vector<TensorToWrite>& tensors,
                                 const TensorFileMetadata& metadata) {
  const std::string header = header_of(tensors, metadata);
  const std::uint64_t length = header.size();
  WrittenTensors written;
  written.header_crc = crc32c(header.data(), header.size(), crc32c(&length, sizeof(length)));
  written.bytes = kLengthBytes + static_cast<std::int64_t>(header.size());
  DurableFile file(path);
  file.write(&length, sizeof(length));
  file.write(header.data(), header.size());
  for (const TensorToWrite& tensor : tensors) {
    const auto bytes = static_cast<std::size_t>(tensor.elements) * sizeof(float);
    written.tensor_crcs.push_back(crc32c(tensor.data, bytes));
    written.bytes += static_cast<std::int64_t>(bytes);
    file.write(tensor.data, bytes);
  }
  file.finish();
  return written;
}

SafetensorsReader::SafetensorsReader(const std::filesystem::path& path) : path_(path) {
  std::error_code error;
  file_bytes_ = static_cast<std::int64_t>(std::filesystem::file_size(path, error));
  require(!error, Errc::kNotFound, path.string(), ": ", error.message());
  std::ifstream file(path, std::ios::binary);
  std::string start(kNotWeightsBytes, '\0');
  file.read(start.data(), std::ssize(start));
  start.resize(static_cast<std::size_t>(file.gcount()));
  const std::string other = start.size() > 8 && start[8] == '{' ? "" : name_of_not_weights(start);
  require(other.empty(), Errc::kCorruptData, path.string(), ": ", other);
  file.clear();
  file.seekg(0);
  std::uint64_t length = 0;
  file.read(reinterpret_cast<char*>(&length), sizeof(length));
  const auto room =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, file_bytes_ - kLengthBytes));
  require(file.good() && length <= room && length <= kMaxHeaderBytes,
          Errc::kCorruptData,
          path.string(),
          ": a header of ",
          length,
          " bytes in a file of ",
          file_bytes_);
  std::string header(length, '\0');
  file.read(header.data(), static_cast<std::streamsize>(length));
  require(file.good(), Errc::kIo, "cannot read ", path.string());
  header_crc_ = crc32c(header.data(), header.size(), crc32c(&length, sizeof(length)));
  data_begin_ = kLengthBytes + static_cast<std::int64_t>(length);
  parse_header(header);
}

namespace {

TensorFileMetadata words_of(const json& metadata) {
  TensorFileMetadata words;
  for (const auto& [name, word] : metadata.items()) {
    if (word.is_string()) words[name] = word;
  }
  return words;
}

}  // namespace

void SafetensorsReader::parse_header(const std::string& header) {
  const json parsed =
      is_flat(header) ? json::parse(header, nullptr, /*allow_exceptions=*/false) : json();
  require(parsed.is_object(),
          Errc::kCorruptData,
          path_.string(),
          ": the header is not JSON of names and their entries");
  for (const auto& [name, described] : parsed.items()) {
    if (name == "__metadata__") {
      metadata_ = words_of(described);
      continue;
    }
    const std::string place = path_.string() + ": entry " + one_line(name);
    require(is_complete(described), Errc::kCorruptData, place, " is malformed");
    Entry entry;
    entry.type = described["dtype"];
    entry.shape = shape_of(described["shape"], place);
    const auto size = element_bytes(entry.type);
    require(size > 0, Errc::kUnsupported, place, " is of the unknown type ", one_line(entry.type));
    const auto room = static_cast<std::uint64_t>(file_bytes_ - data_begin_);
    const auto begin = described["data_offsets"][0].get<std::uint64_t>();
    const auto end = described["data_offsets"][1].get<std::uint64_t>();
    require(begin <= end && end <= room,
            Errc::kCorruptData,
            place,
            " at bytes ",
            begin,
            " to ",
            end,
            " of ",
            room,
            begin <= end ? ": the file was cut short" : "");
    entry.bytes = {static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end)};
    require(bytes_of(entry.shape, size) == entry.bytes.size(),
            Errc::kCorruptData,
            place,
            " has ",
            entry.bytes.size(),
            " bytes, which is not what its type ",
            entry.type,
            " and its shape ",
            described["shape"].dump(),
            " take");
    entries_[name] = std::move(entry);
  }
  check_that_entries_fill_the_file();
}

void SafetensorsReader::check_that_entries_fill_the_file() const {
  std::vector<std::pair<ElementRange, std::string>> places;
  for (const auto& [name, entry] : entries_) places.emplace_back(entry.bytes, name);
  std::sort(places.begin(), places.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first.begin, a.first.end) < std::pair(b.first.begin, b.first.end);
  });
  std::int64_t filled = 0;
  for (const auto& [bytes, name] : places) {
    require(bytes.begin == filled,
            Errc::kCorruptData,
            path_.string(),
            ": entry ",
            one_line(name),
            " begins at byte ",
            bytes.begin,
            bytes.begin < filled ? ", inside the entry before it, which ends at "
                                 : ", behind a hole that begins at ",
            filled);
    filled = bytes.end;
  }
  require(filled == file_bytes_ - data_begin_,
          Errc::kCorruptData,
          path_.string(),
          ": ",
          file_bytes_ - data_begin_ - filled,
          " bytes behind the last entry");
}

const SafetensorsReader::Entry& SafetensorsReader::entry(const std::string& name) const {
  const auto found = entries_.find(name);
  require(found != entries_.end(),
          Errc::kCorruptData,
          path_.string(),
          " has no entry ",
          one_line(name));
  return found->second;
}

std::vector<std::string> SafetensorsReader::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

std::vector<std::int64_t> SafetensorsReader::shape(const std::string& name) const {
  return entry(name).shape;
}

std::int64_t SafetensorsReader::elements(const std::string& name) const {
  return entry(name).bytes.size() / element_bytes(entry(name).type);
}

FileDescriptor SafetensorsReader::open() const {
  FileDescriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  require(file.valid(), Errc::kIo, "cannot read ", path_.string(), ": ", std::strerror(errno));
  return file;
}

/// `bytes` relative to data_begin_.
void SafetensorsReader::read_bytes(const FileDescriptor& file,
                                   ElementRange bytes,
                                   void* out) const {
  auto* next = static_cast<char*>(out);
  for (std::int64_t at = bytes.begin; at < bytes.end;) {
    const ssize_t got =
        ::pread(file.get(), next, static_cast<std::size_t>(bytes.end - at), data_begin_ + at);
    if (got < 0 && errno == EINTR) continue;
    require(got > 0,
            Errc::kIo,
            "cannot read ",
            path_.string(),
            ": ",
            got < 0 ? std::strerror(errno) : "it has become shorter");
    next += got;
    at += got;
  }
}

std::uint32_t SafetensorsReader::read(const std::string& name, float* out) const {
  const Entry& wanted = entry(name);
  require(wanted.type == "F32",
          Errc::kUnsupported,
          path_.string(),
          ": entry ",
          one_line(name),
          " is ",
          wanted.type,
          ", not F32");
  read_bytes(open(), wanted.bytes, out);
  return crc32c(out, static_cast<std::size_t>(wanted.bytes.size()));
}

std::uint32_t SafetensorsReader::crc(const std::string& name) const {
  constexpr std::int64_t kPassing = 1 << 18;  // bytes at a time: they stay in the cache
  const ElementRange bytes = entry(name).bytes;
  const FileDescriptor file = open();
  std::vector<char> piece(static_cast<std::size_t>(std::min(kPassing, bytes.size())));
  std::uint32_t crc = 0;
  for (std::int64_t at = bytes.begin; at < bytes.end; at += kPassing) {
    const ElementRange now{at, std::min(at + kPassing, bytes.end)};
    read_bytes(file, now, piece.data());
    crc = crc32c(piece.data(), static_cast<std::size_t>(now.size()), crc);
  }
  return crc;
}

at::Tensor SafetensorsReader::tensor(const std::string& name) const {
  const Entry& wanted = entry(name);
  const auto row = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const Type& type) {
    return type.name == wanted.type;
  });
  require(row->real.has_value(),
          Errc::kUnsupported,
          path_.string(),
          ": entry ",
          one_line(name),
          " is ",
          wanted.type,
          ", which is no type of weights: F64, F32, F16, BF16");
  const at::Tensor values = at::empty(wanted.shape, at::TensorOptions(*row->real));
  read_bytes(open(), wanted.bytes, values.mutable_data_ptr());
  return values.to(at::kFloat);
}

}  // namespace larkspur::pipeline
