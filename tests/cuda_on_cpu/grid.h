// SPDX-License-Identifier: Apache-2.0
// A CUDA grid on one CPU thread: block after block, every CUDA thread of a block a fiber.
//
//   run_grid -- block -- thread ... barrier        thread ... barrier        (in the order that is
//   set)
//                                   `-- next thread           `-- all are there: on from the first
//
// What a GPU would leave undefined is a finding: a barrier that some threads miss or reach on
// another line, part of a warp in a warp's operation, a deadlock, and what shared_watch.h sees. Not
// emulated: speed, bank conflicts, the order in which writes to global memory become visible.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <vector_types.h>

namespace larkspur::cuda_on_cpu {

constexpr int kWarp = 32;

/// In which order the threads of a block run from barrier to barrier.
enum class Order : std::uint8_t { kForward, kBackward, kShuffled };

void set_order(Order order);

/// Runs the grid to its end. False, and nothing run, for sizes that no GPU takes; a block that is
/// no whole number of warps is one, because no kernel of ours is meant for it.
bool run_grid(dim3 blocks, dim3 threads, const std::function<void()>& thread);

/// Grids that have run.
std::uint64_t launches();

/// What was found since the last call, at most three sentences of a kind.
std::vector<std::string> take_findings();

// For kernels, through CUDA's words in shim/cuda_runtime.h.

/// Where the running thread is. Two accesses of a block are ordered when `barrier` differs, or when
/// they come from one warp and `meeting` differs.
struct Moment {
  std::uint64_t block;    ///< counted over all grids, from 1
  std::uint64_t barrier;  ///< barriers of the block passed
  std::uint64_t meeting;  ///< operations of the warp passed
  int thread;
  int warp() const { return thread / kWarp; }
};

/// Kept by the scheduler; every access to shared memory looks here.
inline Moment running_moment{};
inline const Moment& now() { return running_moment; }
inline int my_lane() { return running_moment.thread % kWarp; }
/// `kind`: findings of one kind come in hundreds.
void note(const std::string& finding, int kind = __builtin_LINE());

void block_barrier(int line);

/// What each lane left.
struct Slots {
  std::array<std::array<std::byte, 64>, kWarp> values;
  std::array<bool, kWarp> is_left;
};

/// Waits for the whole warp and returns what its lanes left; valid until the next meeting.
const Slots& warp_meet(const void* value, std::size_t bytes, unsigned mask, int line);

template <typename T>
T slot_as(const Slots& slots, int lane) {
  T value;
  std::memcpy(&value, slots.values[static_cast<std::size_t>(lane)].data(), sizeof(T));
  return value;
}

template <typename T>
T warp_value(unsigned mask, const T& value, int lane, int line) {
  static_assert(sizeof(T) <= 64);
  const Slots& slots = warp_meet(&value, sizeof(T), mask, line);
  if (!slots.is_left[static_cast<std::size_t>(lane)]) note("a shuffle reads a lane that is over");
  return slot_as<T>(slots, lane);
}

}  // namespace larkspur::cuda_on_cpu
