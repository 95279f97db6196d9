// SPDX-License-Identifier: Apache-2.0
#include "launch/report/tensorboard_file.h"

#include <cstring>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/file_contents.h"
#include "tests/support/refusal.h"
#include "tests/support/temp_dir.h"

namespace larkspur::launch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string hexadecimal(const std::string& bytes) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text += kDigits[static_cast<unsigned char>(byte) >> 4];
    text += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

// What the RecordWriter and the messages of PyPI's tensorboard 2.21.0 (protobuf 7.36.2) write for
// these events, made by hand on 2026-11-29.
TEST(TensorboardFile, WritesTheBytesThatTensorboardItselfWrites) {
  EXPECT_EQ(hexadecimal(framed_record(version_event(1700000000.5))),
            "1800000000000000a37f4b220900002040fc54d9411a0d627261696e2e4576656e743a322b353110");
  EXPECT_EQ(hexadecimal(framed_record(session_start_event(1700000000.5, 301))),
            "100000000000000095fbfe180900002040fc54d94110ad023a020801596f3f79");
  EXPECT_EQ(hexadecimal(framed_record(scalars_event(
                1700000001.25, 301, {{"train/loss", 0.8125F}, {"train/grad_norm", -2.5F}}))),
            "39000000000000008b0737f10900005040fc54d94110ad022a2b0a110a0a747261696e2f6c6f7373150000"
            "503f0a160a0f747261696e2f677261645f6e6f726d15000020c00cc9d3f3");
}

/// A reader of its own: CRC bit by bit, protobuf by its wire types.
class Reader {
 public:
  explicit Reader(std::string bytes) : bytes_(std::move(bytes)) {}

  /// The next record's message; "" at the end.
  std::string record() {
    if (at_ == bytes_.size()) return "";
    const std::string length = take(8);
    EXPECT_EQ(fixed<std::uint32_t>(take(4)), masked(length));
    const std::string message = take(fixed<std::uint64_t>(length));
    EXPECT_EQ(fixed<std::uint32_t>(take(4)), masked(message));
    return message;
  }

  /// Fields of a message in their order: numbers as text, the rest as bytes.
  static std::multimap<int, std::string> fields(const std::string& message) {
    std::multimap<int, std::string> found;
    Reader reader(message);
    while (reader.at_ < message.size()) {
      const std::uint64_t key = reader.varint();
      const int field = static_cast<int>(key >> 3);
      switch (key & 7) {
        case 0:
          found.emplace(field, std::to_string(reader.varint()));
          break;
        case 1:
          found.emplace(field, std::to_string(fixed<double>(reader.take(8))));
          break;
        case 2:
          found.emplace(field, reader.take(reader.varint()));
          break;
        default:
          found.emplace(field, std::to_string(fixed<float>(reader.take(4))));
      }
    }
    return found;
  }

 private:
  template <typename Number>
  static Number fixed(const std::string& bytes) {
    Number number{};
    std::memcpy(&number, bytes.data(), sizeof number);
    return number;
  }

  static std::uint32_t masked(const std::string& bytes) {
    std::uint32_t crc = 0xffffffff;
    for (const char byte : bytes) {
      crc ^= static_cast<unsigned char>(byte);
      for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8;
  }

  std::string take(std::uint64_t count) {
    const std::string part = bytes_.substr(at_, count);
    EXPECT_EQ(part.size(), count);
    at_ += part.size();
    return part;
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; at_ < bytes_.size(); shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_[at_++]);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value;
  }

  std::string bytes_;
  std::size_t at_ = 0;
};

TEST(TensorboardSink, WritesEveryNumberOfAStep) {
  const testing::TempDir dir;
  {
    TensorboardSink sink(dir.path() / "tensorboard", 12);
    pipeline::StepMetrics metrics;
    metrics.step = 12;
    metrics.loss = 0.5;
    metrics.grad_norm = 3.0;
    sink.step(metrics);
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path() / "tensorboard")) {
    files.push_back(entry.path());
  }
  ASSERT_EQ(files.size(), 1U);
  EXPECT_THAT(files[0].filename().string(), HasSubstr("tfevents"));

  Reader reader(testing::contents_of(files[0]));
  EXPECT_EQ(Reader::fields(reader.record()).find(3)->second, "brain.Event:2");
  const auto start = Reader::fields(reader.record());
  EXPECT_EQ(start.find(2)->second, "12");
  EXPECT_THAT(Reader::fields(start.find(7)->second), ElementsAre(Pair(1, "1")));
  const auto step = Reader::fields(reader.record());
  EXPECT_EQ(step.find(2)->second, "12");
  std::map<std::string, std::string> scalars;
  for (const auto& [field, value] : Reader::fields(step.find(5)->second)) {
    const auto scalar = Reader::fields(value);
    scalars[scalar.find(1)->second] = scalar.find(2)->second;
  }
  EXPECT_EQ(scalars.size(), 11U);
  EXPECT_EQ(scalars["train/loss"], "0.500000");
  EXPECT_EQ(scalars["train/grad_norm"], "3.000000");
  EXPECT_FALSE(scalars.contains("train/step"));
  EXPECT_EQ(reader.record(), "");
}

TEST(TensorboardFile, NamesScoresByWhatWasScoredAndLeavesOutThoseThereAreNot) {
  pipeline::EvaluationMetrics metrics{12, 3, true, 75.5, 70.0, std::nan(""), 40, 1.0};
  const auto tags = [&] {
    std::vector<std::string> found;
    for (const TaggedScalar& scalar : scalars_of(metrics)) found.push_back(scalar.tag);
    return found;
  };
  EXPECT_THAT(tags(), ElementsAre("held_out/top1", "held_out/mean_class_accuracy"));
  EXPECT_EQ(scalars_of(metrics)[0].value, 75.5F);
  metrics.held_out = false;
  metrics.top1 = metrics.mean_class_accuracy = std::nan("");
  metrics.mean_average_precision = 30.0;
  EXPECT_THAT(tags(), ElementsAre("eval/mean_average_precision"));
}

TEST(TensorboardSink, NamesTheFileItCannotWrite) {
  EXPECT_THAT(testing::refusal_of([] { TensorboardSink("/proc/none", 1); }).text,
              HasSubstr("/proc/none/events.out.tfevents."));
}

}  // namespace
}  // namespace larkspur::launch
