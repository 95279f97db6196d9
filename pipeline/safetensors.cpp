// SPDX-License-Identifier: Apache-2.0
#include "pipeline/safetensors.h"

#include <cstring>
#include <fstream>

#include <nlohmann/json.hpp>

#include "pipeline/crc32c.h"
#include "pipeline/durable_file.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::int64_t kLengthBytes = 8;
constexpr std::int64_t kMaxHeaderBytes = 100'000'000;  // the limit the format's own tools keep

std::string header_of(const std::vector<TensorToWrite>& tensors) {
  ordered_json header = ordered_json::object();
  std::int64_t offset = 0;
  for (const TensorToWrite& tensor : tensors) {
    const std::int64_t end = offset + tensor.elements * 4;
    header[tensor.name] = {
        {"dtype", "F32"}, {"shape", {tensor.elements}}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data begins aligned
  return text;
}

}  // namespace

WrittenTensors write_safetensors(const std::filesystem::path& path,
                                 const std::vector<TensorToWrite>& tensors) {
  const std::string header = header_of(tensors);
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

void SafetensorsReader::parse_header(const std::string& header) {
  const json parsed = json::parse(header, nullptr, /*allow_exceptions=*/false);
  require(parsed.is_object(), Errc::kCorruptData, path_.string(), ": the header is not JSON");
  for (const auto& [name, entry] : parsed.items()) {
    if (name == "__metadata__") continue;
    const bool complete = entry.is_object() && entry.contains("dtype") &&
                          entry.contains("data_offsets") && entry["data_offsets"].is_array() &&
                          entry["data_offsets"].size() == 2 &&
                          entry["data_offsets"][0].is_number_unsigned() &&
                          entry["data_offsets"][1].is_number_unsigned();
    require(complete, Errc::kCorruptData, path_.string(), ": entry ", name, " is malformed");
    require(entry["dtype"] == "F32",
            Errc::kUnsupported,
            path_.string(),
            ": entry ",
            name,
            " is ",
            entry["dtype"].dump(),
            ", not F32");
    const auto room = static_cast<std::uint64_t>(file_bytes_ - data_begin_);
    const auto begin = entry["data_offsets"][0].get<std::uint64_t>();
    const auto end = entry["data_offsets"][1].get<std::uint64_t>();
    require(begin <= end && end <= room && (end - begin) % 4 == 0,
            Errc::kCorruptData,
            path_.string(),
            ": entry ",
            name,
            " at bytes ",
            begin,
            " to ",
            end,
            " of ",
            room);
    ranges_[name] = {static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end)};
  }
}

std::int64_t SafetensorsReader::elements(const std::string& name) const {
  const auto found = ranges_.find(name);
  require(found != ranges_.end(), Errc::kCorruptData, path_.string(), " has no entry ", name);
  return found->second.size() / 4;
}

std::uint32_t SafetensorsReader::read(const std::string& name, float* out) const {
  const std::int64_t bytes = elements(name) * 4;
  std::ifstream file(path_, std::ios::binary);
  file.seekg(data_begin_ + ranges_.at(name).begin);
  file.read(reinterpret_cast<char*>(out), bytes);
  require(file.good(), Errc::kIo, "cannot read ", name, " from ", path_.string());
  return crc32c(out, static_cast<std::size_t>(bytes));
}

}  // namespace larkspur::pipeline
