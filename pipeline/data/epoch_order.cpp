// SPDX-License-Identifier: Apache-2.0
#include "pipeline/data/epoch_order.h"

#include "pipeline/require.h"
#include "pipeline/rng.h"

namespace larkspur::pipeline {

EpochOrder::EpochOrder(std::int64_t samples, std::uint64_t seed, std::uint32_t epoch)
    : samples_(samples), half_bits_(1) {
  require(samples > 0 && samples < (std::int64_t{1} << 31),
          Errc::kInvalidArgument,
          "[epoch_order] ",
          samples,
          " samples, not in [1, 2^31)");
  while ((std::int64_t{1} << (2 * half_bits_)) < samples) ++half_bits_;
  CounterRng rng({seed, epoch, 0, 0}, Purpose::kOrder);
  for (std::uint32_t& key : round_keys_) key = rng.bits();
}

std::uint32_t EpochOrder::permute_once(std::uint32_t value) const {
  const std::uint32_t mask = (1U << half_bits_) - 1U;
  std::uint32_t left = value >> half_bits_;
  std::uint32_t right = value & mask;
  for (const std::uint32_t key : round_keys_) {
    std::uint32_t mixed = (right + key) * 0x9E3779B1U;
    mixed = (mixed ^ (mixed >> 15) ^ key) * 0x85EBCA77U;
    mixed ^= mixed >> 13;
    const std::uint32_t next = left ^ (mixed & mask);
    left = right;
    right = next;
  }
  return left << half_bits_ | right;
}

std::int64_t EpochOrder::operator()(std::int64_t position) const {
  auto value = static_cast<std::uint32_t>(position);
  do {
    value = permute_once(value);
  } while (value >= static_cast<std::uint32_t>(samples_));
  return value;
}

}  // namespace larkspur::pipeline
