// SPDX-License-Identifier: Apache-2.0
#include "launch/report/tensorboard_file.h"

#include <bit>
#include <chrono>
#include <cmath>
#include <type_traits>

#include <unistd.h>

#include "pipeline/require.h"
#include "pipeline/storage/crc32c.h"

namespace larkspur::launch {
namespace {

using pipeline::Errc;
using pipeline::require;
using pipeline::text_of;

// Wire types of protobuf (protobuf.dev/programming-guides/encoding), and the fields that are used.
constexpr std::uint32_t kVarint = 0;
constexpr std::uint32_t kEight = 1;
constexpr std::uint32_t kBytes = 2;
constexpr std::uint32_t kFour = 5;
constexpr std::uint32_t kWallTime = 1;     // Event
constexpr std::uint32_t kStep = 2;         // Event
constexpr std::uint32_t kFileVersion = 3;  // Event
constexpr std::uint32_t kSummary = 5;      // Event
constexpr std::uint32_t kSessionLog = 7;   // Event
constexpr std::uint32_t kStatus = 1;       // SessionLog; 1 is START
constexpr std::uint32_t kValue = 1;        // Summary
constexpr std::uint32_t kTag = 1;          // Summary.Value
constexpr std::uint32_t kSimpleValue = 2;  // Summary.Value

/// Little-endian, whatever the machine is.
template <typename Unsigned>
void put_fixed(std::string& out, Unsigned value) {
  for (std::size_t i = 0; i < sizeof(Unsigned); ++i) {
    out.push_back(static_cast<char>(value & 0xff));
    value = static_cast<Unsigned>(value >> 8);
  }
}

void put_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>((value & 0x7f) | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

void put_key(std::string& out, std::uint32_t field, std::uint32_t wire) {
  put_varint(out, field << 3 | wire);
}

void put_bytes(std::string& out, std::uint32_t field, std::string_view bytes) {
  put_key(out, field, kBytes);
  put_varint(out, bytes.size());
  out.append(bytes);
}

std::string event_at(double wall_time, std::int64_t step) {
  std::string event;
  put_key(event, kWallTime, kEight);
  put_fixed(event, std::bit_cast<std::uint64_t>(wall_time));
  if (step == 0) return event;  // a default is not written
  put_key(event, kStep, kVarint);
  put_varint(event, static_cast<std::uint64_t>(step));
  return event;
}

// So that the CRC of data that hold CRCs is none of them (TensorFlow, core/lib/hash/crc32c.h).
std::uint32_t masked_crc(std::string_view bytes) {
  constexpr std::uint32_t kMaskDelta = 0xa282ead8;
  return std::rotr(pipeline::crc32c(bytes.data(), bytes.size()), 15) + kMaskDelta;
}

double seconds_since_1970() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

/// TensorBoard takes files in the order of their names; two starts never share one.
std::string event_file_name() {
  std::string host(256, '\0');
  ::gethostname(host.data(), host.size() - 1);
  return text_of("events.out.tfevents.",
                 static_cast<std::int64_t>(seconds_since_1970()),
                 ".",
                 host.c_str(),
                 ".",
                 ::getpid());
}

}  // namespace

std::string version_event(double wall_time) {
  std::string event = event_at(wall_time, 0);
  put_bytes(event, kFileVersion, "brain.Event:2");
  return event;
}

std::string session_start_event(double wall_time, std::int64_t step) {
  std::string log;
  put_key(log, kStatus, kVarint);
  put_varint(log, 1);
  std::string event = event_at(wall_time, step);
  put_bytes(event, kSessionLog, log);
  return event;
}

std::string scalars_event(double wall_time,
                          std::int64_t step,
                          const std::vector<TaggedScalar>& scalars) {
  std::string summary;
  for (const TaggedScalar& scalar : scalars) {
    std::string value;
    put_bytes(value, kTag, scalar.tag);
    put_key(value, kSimpleValue, kFour);
    put_fixed(value, std::bit_cast<std::uint32_t>(scalar.value));
    put_bytes(summary, kValue, value);
  }
  std::string event = event_at(wall_time, step);
  put_bytes(event, kSummary, summary);
  return event;
}

std::string framed_record(std::string_view message) {
  std::string length;
  put_fixed(length, static_cast<std::uint64_t>(message.size()));
  std::string record = length;
  put_fixed(record, masked_crc(length));
  record.append(message);
  put_fixed(record, masked_crc(message));
  return record;
}

std::vector<TaggedScalar> scalars_of(const pipeline::StepMetrics& metrics) {
  std::vector<TaggedScalar> scalars;
  pipeline::visit_fields(metrics, [&](const char* name, const auto& value) {
    if (std::string_view(name) == "step") return;
    scalars.push_back({std::string("train/") + name, static_cast<float>(value)});
  });
  return scalars;
}

std::vector<TaggedScalar> scalars_of(const pipeline::EvaluationMetrics& metrics) {
  const std::string part = metrics.held_out ? "held_out/" : "eval/";
  std::vector<TaggedScalar> scalars;
  const auto add = [&](const char* name, double value) {
    if (!std::isnan(value)) scalars.push_back({part + name, static_cast<float>(value)});
  };
  add("top1", metrics.top1);
  add("mean_class_accuracy", metrics.mean_class_accuracy);
  add("mean_average_precision", metrics.mean_average_precision);
  return scalars;
}

TensorboardSink::TensorboardSink(const std::filesystem::path& folder, std::int64_t first_step)
    : path_(folder / event_file_name()) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  file_.open(path_, std::ios::binary | std::ios::app);
  require(!error && file_.good(), Errc::kIo, path_.string(), ": cannot be written");
  const double now = seconds_since_1970();
  write(version_event(now));
  write(session_start_event(now, first_step));
}

void TensorboardSink::write(const std::string& message) {
  file_ << framed_record(message) << std::flush;
  require(file_.good(), Errc::kIo, path_.string(), ": cannot be written");
}

void TensorboardSink::step(const pipeline::StepMetrics& metrics) {
  write(scalars_event(seconds_since_1970(), metrics.step, scalars_of(metrics)));
}

void TensorboardSink::evaluation(const pipeline::EvaluationMetrics& metrics) {
  write(scalars_event(seconds_since_1970(), metrics.step, scalars_of(metrics)));
}

}  // namespace larkspur::launch
