// SPDX-License-Identifier: Apache-2.0
#include "pipeline/norm/lane_rounds.h"

#include <cstdint>
#include <cstring>

#include "pipeline/log.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

// What stands in place of a round's number.
constexpr int kFinished = -1;
constexpr int kFailed = -2;

template <typename T>
void put(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <typename T>
T take_value(std::string_view& bytes) {
  T value{};
  require(bytes.size() >= sizeof(T), Errc::kCollective, "[lane_rounds] a message ends too early");
  std::memcpy(&value, bytes.data(), sizeof(T));
  bytes.remove_prefix(sizeof(T));
  return value;
}

std::string encode(const LaneRounds::Rows& rows) {
  std::string bytes;
  for (const std::vector<double>& row : rows) {
    put(bytes, static_cast<std::uint64_t>(row.size()));
    bytes.append(reinterpret_cast<const char*>(row.data()), row.size() * sizeof(double));
  }
  return bytes;
}

void decode(std::string_view bytes, LaneRounds::Rows& rows) {
  while (!bytes.empty()) {
    const auto size = take_value<std::uint64_t>(bytes);
    require(size <= bytes.size() / sizeof(double),
            Errc::kCollective,
            "[lane_rounds] a row of ",
            size,
            " numbers in ",
            bytes.size(),
            " bytes");
    std::vector<double> row(size);
    std::memcpy(row.data(), bytes.data(), size * sizeof(double));
    bytes.remove_prefix(size * sizeof(double));
    rows.push_back(std::move(row));
  }
}

}  // namespace

LaneRounds::Rows LaneRounds::round(int number, std::string_view body, bool& over) {
  std::string mine;
  put(mine, number);
  mine.append(body);
  broken_ = true;  // until this round has gone well
  const std::vector<std::string> all = communicator_.all_gather(mine);
  Rows rows;
  over = true;
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    std::string_view bytes = all[rank];
    const int theirs = take_value<int>(bytes);
    require(theirs != kFailed, Errc::kCollective, "rank ", rank, " cannot go on: ", bytes);
    require(theirs < 0 || number < 0 || theirs == number,
            Errc::kCollective,
            "[lane_rounds] rank ",
            rank,
            " is at round ",
            theirs,
            ", not ",
            number);
    if (theirs == kFinished) continue;
    over = false;
    if (first_ < 0 || static_cast<int>(rank) < first_) first_ = static_cast<int>(rank);
    decode(bytes, rows);
  }
  broken_ = false;
  return rows;
}

LaneRounds::Rows LaneRounds::all_gather(int number, const Rows& mine) {
  bool over = false;
  return round(number, encode(mine), over);
}

void LaneRounds::finish() {
  bool over = false;
  while (!over) round(kFinished, {}, over);
}

void LaneRounds::fail(std::string_view why) noexcept {
  if (broken_) return;
  bool over = false;
  try {
    round(kFailed, why, over);
  } catch (const std::exception& error) {
    log_debug(text_of("[lane_rounds] ", error.what()));  // our own failure, come back
  }
}

}  // namespace larkspur::pipeline
