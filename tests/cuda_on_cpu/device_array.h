// SPDX-License-Identifier: Apache-2.0
// "Device" memory for kernels on the CPU: what a kernel touches outside is seen.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "model3d/kernels/half_types.h"

namespace larkspur::cuda_on_cpu {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr std::size_t kMargin = 0;  // the sanitizer guards the ends itself
#else
inline constexpr std::size_t kMargin = 1024;
#endif

/// A signalling NaN that differs from place to place: arithmetic makes it a quiet one, so it spoils
/// what is computed from it, and what is computed from it and written back differs from it.
template <typename T>
T poison(std::size_t place) {
  std::uint64_t bits = 1 + place % 30;
  if constexpr (std::is_same_v<T, float>) bits |= 0x7F800000U;
  if constexpr (std::is_same_v<T, double>) bits |= 0x7FF0000000000000U;
  if constexpr (std::is_same_v<T, model3d::Bfloat16>) bits |= 0x7F80U;
  if constexpr (std::is_same_v<T, model3d::Float16>) bits |= 0x7C00U;
  T value;
  std::memcpy(&value, &bits, sizeof(T));  // the low bytes
  return value;
}

/// Values between two margins of poison.
template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    std::copy(values.begin(), values.end(), memory_.begin() + kMargin);
  }
  /// Holds poison until a kernel has written it.
  explicit DeviceArray(std::size_t size) : size_(size), memory_(size + 2 * kMargin) {
    for (std::size_t i = 0; i < memory_.size(); ++i) memory_[i] = poison<T>(i);
  }

  T* data() { return memory_.data() + kMargin; }
  std::vector<T> values() const {
    const auto begin = memory_.begin() + kMargin;
    return {begin, begin + static_cast<std::ptrdiff_t>(size_)};
  }
  bool margins_are_whole() const {
    for (std::size_t i = 0; i < kMargin; ++i) {
      if (!is_poison(i) || !is_poison(kMargin + size_ + i)) return false;
    }
    return true;
  }

 private:
  bool is_poison(std::size_t place) const {
    const T expected = poison<T>(place);
    return std::memcmp(&memory_[place], &expected, sizeof(T)) == 0;
  }

  std::size_t size_;
  std::vector<T> memory_;
};

}  // namespace larkspur::cuda_on_cpu
