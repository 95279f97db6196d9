// SPDX-License-Identifier: Apache-2.0
// Who wrote and who read each element of a shared array, and which barrier was between.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "tests/cuda_on_cpu/grid.h"

namespace larkspur::cuda_on_cpu {

/// Accesses to one element, as much as decides whether the next one is ordered behind them.
struct SharedElement {
  Moment write{};             ///< the last one; block 0: none
  Moment read{};              ///< the last one
  bool many_readers = false;  ///< since the last barrier, other threads of its warp read it too
  bool many_warps = false;    ///< or threads of several warps
};

/// Notes what is wrong with an access; `element` is of an array of `count`.
void watch_read(SharedElement& element, int index, int count);
void watch_write(SharedElement& element, int index, int count);
/// Notes an access outside of an array.
void watch_outside(const char* what, int index, int count);

/// The checks of an array of kCount elements. False: the access must not be made.
template <int kCount>
class SharedWatch {
 protected:
  bool may_read(int index, int count) const {
    if (!is_inside("reads", index, count)) return false;
    for (int i = index; i < index + count; ++i) watch_read(at(i), i, kCount);
    return true;
  }
  bool may_write(int index, int count) {
    if (!is_inside("writes", index, count)) return false;
    for (int i = index; i < index + count; ++i) watch_write(at(i), i, kCount);
    return true;
  }

 private:
  static bool is_inside(const char* what, int index, int count) {
    if (index >= 0 && index + count <= kCount && index % count == 0) return true;
    watch_outside(what, index, kCount);
    return false;
  }
  SharedElement& at(int index) const { return elements_[static_cast<std::size_t>(index)]; }

  mutable std::array<SharedElement, kCount> elements_{};
};

}  // namespace larkspur::cuda_on_cpu
