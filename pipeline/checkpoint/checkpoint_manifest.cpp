// SPDX-License-Identifier: Apache-2.0
#include "pipeline/checkpoint/checkpoint_manifest.h"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "pipeline/bad_sample_json.h"
#include "pipeline/require.h"
#include "pipeline/storage/crc32c.h"
#include "pipeline/storage/durable_file.h"

namespace larkspur::pipeline {
namespace {

using nlohmann::json;

std::string hex(std::uint32_t value) {
  char text[9];
  std::snprintf(text, sizeof(text), "%08x", value);
  return text;
}

json to_json(const CheckpointManifest& manifest) {
  json shards = json::array();
  for (const CheckpointShard& shard : manifest.shards) shards.push_back(to_json(shard));
  json text = {{"format", manifest.format},
               {"arithmetic", manifest.arithmetic},
               {"step", manifest.step},
               {"config", manifest.run.config},
               {"classes", manifest.run.classes},
               {"list_crc32c", manifest.run.list_crc},
               {"ranks", manifest.run.ranks},
               {"threads", manifest.run.threads},
               {"processor", manifest.run.processor},
               {"bad_samples", to_json(manifest.bad)},
               {"loss_scale", manifest.scaler.scale()},
               {"good_steps", manifest.scaler.good_steps()},
               {"skipped_steps", manifest.scaler.skipped()},
               {"shards", std::move(shards)}};
  return text;
}

LossScaler scaler_from_json(const json& json, std::int64_t step) {
  if (!json.contains("loss_scale")) return {};  // written before there was one
  const LossScaler scaler(json.at("loss_scale").get<double>(),
                          json.at("good_steps").get<std::int64_t>(),
                          json.at("skipped_steps").get<std::int64_t>());
  require(
      scaler.skipped() <= step, Errc::kCorruptData, scaler.skipped(), " skipped steps of ", step);
  return scaler;
}

CheckpointManifest manifest_from_json(const json& json) {
  CheckpointManifest manifest;
  manifest.format = json.at("format").get<int>();
  manifest.step = json.at("step").get<std::int64_t>();
  manifest.run.config = json.at("config").get<std::string>();
  manifest.run.classes = json.at("classes").get<std::vector<std::string>>();
  manifest.run.list_crc = json.at("list_crc32c").get<std::uint32_t>();
  manifest.run.ranks = json.at("ranks").get<int>();
  manifest.run.threads = json.at("threads").get<int>();
  manifest.run.processor = json.at("processor").get<std::string>();
  manifest.bad = bad_samples_from_json(json.at("bad_samples"));
  manifest.scaler = scaler_from_json(json, manifest.step);
  manifest.arithmetic = json.value("arithmetic", 1);
  for (const auto& shard : json.at("shards")) manifest.shards.push_back(shard_from_json(shard));
  return manifest;
}

}  // namespace

std::string CheckpointPiece::entry() const {
  return text_of(kind, ":", name, "[", range.begin, ":", range.end, "]");
}

json to_json(const CheckpointShard& shard) {
  json pieces = json::array();
  for (const CheckpointPiece& piece : shard.pieces) {
    pieces.push_back({{"kind", piece.kind},
                      {"name", piece.name},
                      {"begin", piece.range.begin},
                      {"end", piece.range.end},
                      {"crc", piece.crc}});
  }
  return {{"file", shard.file},
          {"bytes", shard.bytes},
          {"header_crc", shard.header_crc},
          {"pieces", std::move(pieces)}};
}

CheckpointShard shard_from_json(const json& json) {
  CheckpointShard shard;
  shard.file = json.at("file").get<std::string>();
  shard.bytes = json.at("bytes").get<std::int64_t>();
  shard.header_crc = json.at("header_crc").get<std::uint32_t>();
  for (const auto& piece : json.at("pieces")) {
    shard.pieces.push_back(
        {piece.at("kind").get<std::string>(),
         piece.at("name").get<std::string>(),
         {piece.at("begin").get<std::int64_t>(), piece.at("end").get<std::int64_t>()},
         piece.at("crc").get<std::uint32_t>()});
  }
  return shard;
}

void write_manifest(const std::filesystem::path& folder, const CheckpointManifest& manifest) {
  const std::string text = to_json(manifest).dump(1) + "\n";
  write_and_rename(folder / "manifest.crc", hex(crc32c(text.data(), text.size())) + "\n");
  write_and_rename(folder / "manifest.json", text);
}

CheckpointManifest read_manifest(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "manifest.json";
  const std::string text = read_file(path);
  const std::string expected = read_file(folder / "manifest.crc").substr(0, 8);
  const std::string found = hex(crc32c(text.data(), text.size()));
  require(found == expected,
          Errc::kCorruptData,
          path.string(),
          " has checksum ",
          found,
          ", manifest.crc says ",
          expected);
  try {
    const json parsed = json::parse(text);
    const int format = parsed.at("format").get<int>();
    require(format <= kCheckpointFormat,
            Errc::kUnsupported,
            "is of format ",
            format,
            ", this build reads up to ",
            kCheckpointFormat);
    return manifest_from_json(parsed);
  } catch (const Error& error) {
    throw error.within(path.string());
  } catch (const json::exception& exception) {
    throw Error(Errc::kCorruptData, text_of(path.string(), ": ", exception.what()));
  }
}

}  // namespace larkspur::pipeline
