// SPDX-License-Identifier: Apache-2.0
#include "pipeline/rng.h"

#include <cmath>
#include <numbers>

namespace larkspur::pipeline {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) noexcept {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

std::uint32_t name_key(std::string_view name) noexcept {
  std::uint32_t hash = 2166136261U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash;
}

CounterRng::CounterRng(const SampleKey& key, Purpose purpose, std::uint8_t salt) noexcept
    : counter_{0,
               static_cast<std::uint32_t>(purpose) << 24 | static_cast<std::uint32_t>(salt) << 16 |
                   key.view,
               key.epoch,
               key.sample},
      key_{static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32)} {}

std::uint32_t CounterRng::bits() noexcept {
  if (used_ == 4) {
    block_ = philox4x32(counter_, key_);
    ++counter_[0];
    used_ = 0;
  }
  return block_[static_cast<std::size_t>(used_++)];
}

double CounterRng::uniform() noexcept { return bits() * 0x1p-32; }

double CounterRng::uniform(double low, double high) noexcept {
  return low + (high - low) * uniform();
}

std::uint32_t CounterRng::below(std::uint32_t bound) noexcept {
  // Lemire's multiply-and-reject: the low word decides whether the draw falls in the biased part.
  const std::uint32_t biased = (0U - bound) % bound;
  while (true) {
    const std::uint64_t product = std::uint64_t{bits()} * bound;
    if (static_cast<std::uint32_t>(product) >= biased) {
      return static_cast<std::uint32_t>(product >> 32);
    }
  }
}

double CounterRng::normal() noexcept {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

}  // namespace larkspur::pipeline
