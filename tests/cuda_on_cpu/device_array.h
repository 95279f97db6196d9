// SPDX-License-Identifier: Apache-2.0
// "Device" memory for kernels on the CPU: what a kernel touches outside is seen.
#pragma once

#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

namespace larkspur::cuda_on_cpu {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr std::size_t kMargin = 0;  // the sanitizer guards the ends itself
#else
inline constexpr std::size_t kMargin = 1024;
#endif

/// `values` between two margins of `poison`, which should be a value that spoils every result.
template <typename T>
class DeviceArray {
 public:
  DeviceArray(const std::vector<T>& values, T poison)
      : size_(values.size()), memory_(values.size() + 2 * kMargin, poison), poison_(poison) {
    std::copy(values.begin(), values.end(), memory_.begin() + kMargin);
  }
  /// Holds poison until a kernel has written it.
  DeviceArray(std::size_t size, T poison) : DeviceArray(std::vector<T>(size, poison), poison) {}

  T* data() { return memory_.data() + kMargin; }
  std::vector<T> values() const {
    return {memory_.begin() + kMargin,
            memory_.begin() + static_cast<std::ptrdiff_t>(kMargin + size_)};
  }
  bool margins_are_whole() const {
    for (std::size_t i = 0; i < kMargin; ++i) {
      if (std::memcmp(&memory_[i], &poison_, sizeof(T)) != 0) return false;
      if (std::memcmp(&memory_[kMargin + size_ + i], &poison_, sizeof(T)) != 0) return false;
    }
    return true;
  }

 private:
  std::size_t size_;
  std::vector<T> memory_;
  T poison_;
};

}  // namespace larkspur::cuda_on_cpu
