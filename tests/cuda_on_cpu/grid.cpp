// SPDX-License-Identifier: Apache-2.0
#include "tests/cuda_on_cpu/grid.h"

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <utility>

#include <cuda_runtime.h>

#include "pipeline/norm/fiber.h"

namespace larkspur::cuda_on_cpu {
namespace {

constexpr int kMostOfAKind = 3;

enum class State : std::uint8_t { kRuns, kAtBarrier, kAtMeeting, kOver };

struct Thread {
  State state = State::kRuns;
  std::uint64_t barrier = 0;  ///< passed
  std::uint64_t meeting = 0;  ///< passed
};

struct Warp {
  int arrived = 0;
  int alive = kWarp;
  std::uint64_t meeting = 0;
  int line = 0;
  std::array<Slots, 2> slots{};  ///< of this meeting and the one before, which may still be read
};

/// One block at a time. A fiber takes one thread after the other until one has to wait; then the
/// next fiber goes on, so that kernels without barriers never change stacks.
class Machine {
 public:
  bool run(dim3 blocks, dim3 threads, const std::function<void()>& body);
  void barrier(int line);
  const Slots& meet(const void* value, std::size_t bytes, unsigned mask, int line);

  void note(const std::string& finding, int kind = __builtin_LINE()) {
    if (++of_kind_[kind] <= kMostOfAKind) findings_.push_back(place() + finding);
  }
  std::vector<std::string> take_findings() {
    of_kind_.clear();
    return std::exchange(findings_, {});
  }

  Order order = Order::kForward;
  std::uint64_t launches = 0;

 private:
  void run_block(int count);
  void run_threads(std::size_t fiber);
  void resume(std::size_t fiber);
  void become(int thread);
  void leave();
  void wait(State state);
  bool can_go(int thread) const;
  void release_if_all_are_there();
  void release_warp_if_all_are_there(Warp& warp);
  void give_up();
  static std::string place() {
    return "block (" + std::to_string(blockIdx.x) + "," + std::to_string(blockIdx.y) + "," +
           std::to_string(blockIdx.z) + "): ";
  }

  std::vector<std::string> findings_;
  std::map<int, int> of_kind_;
  const std::function<void()>* body_ = nullptr;
  std::vector<std::unique_ptr<pipeline::Fiber>> fibers_;
  std::vector<int> thread_of_;  // [fibers]
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  std::vector<int> turn_;
  std::size_t started_ = 0;
  int running_ = 0;
  std::size_t running_fiber_ = 0;
  int alive_ = 0;
  int at_barrier_ = 0;
  int barrier_line_ = 0;
  std::uint64_t barrier_ = 0;
  std::uint64_t block_ = 0;
  std::mt19937 random_{7};
};

Machine& machine() {
  static Machine machine;
  return machine;
}

bool Machine::run(dim3 blocks, dim3 threads, const std::function<void()>& body) {
  constexpr unsigned kMostBlocks = 65535;
  constexpr unsigned kMostThreads = 1024;
  const unsigned count = threads.x * threads.y * threads.z;
  if (count == 0 || count > kMostThreads || count % kWarp != 0) return false;
  if (blocks.x == 0 || blocks.y == 0 || blocks.z == 0) return false;
  if (blocks.x > 0x7fffffffU || blocks.y > kMostBlocks || blocks.z > kMostBlocks) return false;
  ++launches;
  body_ = &body;
  gridDim = blocks;
  blockDim = threads;
  for (unsigned z = 0; z < blocks.z; ++z) {
    for (unsigned y = 0; y < blocks.y; ++y) {
      for (unsigned x = 0; x < blocks.x; ++x) {
        blockIdx = {x, y, z};
        run_block(static_cast<int>(count));
      }
    }
  }
  return true;
}

void Machine::run_block(int count) {
  ++block_;
  threads_.assign(static_cast<std::size_t>(count), Thread{});
  warps_.assign(static_cast<std::size_t>(count / kWarp), Warp{});
  turn_.resize(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    turn_[static_cast<std::size_t>(i)] = order == Order::kBackward ? count - 1 - i : i;
  }
  if (order == Order::kShuffled) std::shuffle(turn_.begin(), turn_.end(), random_);
  started_ = 0;
  alive_ = count;
  at_barrier_ = 0;
  barrier_ = 0;

  std::vector<std::size_t> waiting;
  for (std::size_t fiber = 0; started_ < turn_.size(); ++fiber) {
    if (fiber == fibers_.size()) {
      thread_of_.push_back(0);
      fibers_.push_back(std::make_unique<pipeline::Fiber>([this, fiber] { run_threads(fiber); }));
    }
    running_fiber_ = fiber;
    fibers_[fiber]->resume();
    waiting.push_back(fiber);
  }
  while (alive_ > 0) {
    if (order == Order::kShuffled) std::shuffle(waiting.begin(), waiting.end(), random_);
    bool progress = false;
    for (const std::size_t fiber : waiting) {
      if (!can_go(thread_of_[fiber])) continue;
      progress = true;
      resume(fiber);
    }
    if (!progress) return give_up();
  }
}

/// The life of a fiber: it is paused in the middle of a thread, or here when none is left.
void Machine::run_threads(std::size_t fiber) {
  for (;;) {
    while (started_ < turn_.size()) {
      const int thread = turn_[started_++];
      thread_of_[fiber] = thread;
      become(thread);
      (*body_)();
      leave();
    }
    fibers_[fiber]->pause();
  }
}

void Machine::resume(std::size_t fiber) {
  become(thread_of_[fiber]);
  running_fiber_ = fiber;
  threads_[static_cast<std::size_t>(running_)].state = State::kRuns;
  fibers_[fiber]->resume();
}

void Machine::become(int thread) {
  running_ = thread;
  const Thread& state = threads_[static_cast<std::size_t>(thread)];
  running_moment = {block_, state.barrier, state.meeting, thread};
  const auto index = static_cast<unsigned>(thread);
  threadIdx = {
      index % blockDim.x, index / blockDim.x % blockDim.y, index / blockDim.x / blockDim.y};
}

/// A thread that has ended is waited for no longer.
void Machine::leave() {
  threads_[static_cast<std::size_t>(running_)].state = State::kOver;
  --alive_;
  Warp& warp = warps_[static_cast<std::size_t>(running_ / kWarp)];
  --warp.alive;
  if (warp.arrived > 0) release_warp_if_all_are_there(warp);
  if (at_barrier_ > 0) {
    note("thread " + std::to_string(running_) + " ends while others wait at the barrier of line " +
         std::to_string(barrier_line_));
    release_if_all_are_there();
  }
}

void Machine::wait(State state) {
  threads_[static_cast<std::size_t>(running_)].state = state;
  fibers_[running_fiber_]->pause();
}

bool Machine::can_go(int thread) const {
  const Thread& waiting = threads_[static_cast<std::size_t>(thread)];
  if (waiting.state == State::kAtBarrier) return barrier_ != waiting.barrier;
  if (waiting.state != State::kAtMeeting) return false;
  return warps_[static_cast<std::size_t>(thread / kWarp)].meeting != waiting.meeting;
}

void Machine::release_if_all_are_there() {
  if (at_barrier_ < alive_) return;
  at_barrier_ = 0;
  ++barrier_;
}

void Machine::barrier(int line) {
  Thread& thread = threads_[static_cast<std::size_t>(running_)];
  if (at_barrier_ > 0 && line != barrier_line_) {
    note("thread " + std::to_string(running_) + " is at the barrier of line " +
         std::to_string(line) + ", others at that of line " + std::to_string(barrier_line_));
  }
  if (alive_ < static_cast<int>(threads_.size())) note("a barrier that threads have missed");
  barrier_line_ = line;
  ++at_barrier_;
  release_if_all_are_there();
  if (barrier_ == thread.barrier) wait(State::kAtBarrier);
  running_moment.barrier = ++thread.barrier;
}

void Machine::release_warp_if_all_are_there(Warp& warp) {
  if (warp.arrived < warp.alive) return;
  warp.arrived = 0;
  ++warp.meeting;
  warp.slots[warp.meeting % 2].is_left.fill(false);
}

const Slots& Machine::meet(const void* value, std::size_t bytes, unsigned mask, int line) {
  Thread& thread = threads_[static_cast<std::size_t>(running_)];
  Warp& warp = warps_[static_cast<std::size_t>(running_ / kWarp)];
  if (mask != ~0U) note("an operation of part of a warp: not emulated");
  if (warp.alive < kWarp) note("an operation of a warp that threads have missed");
  if (warp.arrived > 0 && line != warp.line) {
    note("lanes of a warp meet on lines " + std::to_string(line) + " and " +
         std::to_string(warp.line));
  }
  warp.line = line;
  Slots& slots = warp.slots[thread.meeting % 2];
  const auto lane = static_cast<std::size_t>(running_ % kWarp);
  if (bytes > 0) std::memcpy(slots.values[lane].data(), value, bytes);
  slots.is_left[lane] = true;
  ++warp.arrived;
  release_warp_if_all_are_there(warp);
  if (warp.meeting == thread.meeting) wait(State::kAtMeeting);
  running_moment.meeting = ++thread.meeting;
  return slots;
}

void Machine::give_up() {
  int at_barrier = 0;
  int at_meeting = 0;
  for (const Thread& thread : threads_) {
    at_barrier += thread.state == State::kAtBarrier ? 1 : 0;
    at_meeting += thread.state == State::kAtMeeting ? 1 : 0;
  }
  note("deadlock: " + std::to_string(at_barrier) + " threads wait at a barrier, " +
       std::to_string(at_meeting) + " for their warp");
  fibers_.clear();
  thread_of_.clear();
}

}  // namespace

void set_order(Order order) { machine().order = order; }

bool run_grid(dim3 blocks, dim3 threads, const std::function<void()>& thread) {
  return machine().run(blocks, threads, thread);
}

std::uint64_t launches() { return machine().launches; }

std::vector<std::string> take_findings() { return machine().take_findings(); }

void note(const std::string& finding, int kind) { machine().note(finding, kind); }

void block_barrier(int line) { machine().barrier(line); }

const Slots& warp_meet(const void* value, std::size_t bytes, unsigned mask, int line) {
  return machine().meet(value, bytes, mask, line);
}

}  // namespace larkspur::cuda_on_cpu
