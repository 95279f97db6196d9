// SPDX-License-Identifier: Apache-2.0
// Work on a stack of its own that its owner runs a piece at a time, all in one thread.
//
//   owner:  resume() ----+             resume() ----+
//   work:                +-- ... pause()            +-- ... end
//
// Not a thread: whatever belongs to the thread (autocast, gradient mode, the current device, the
// compute threads, the numbers that autograd gives its nodes) is the same in all fibers of one
// owner, and nothing ever runs at the same time.
#pragma once

#include <functional>
#include <memory>

namespace larkspur::pipeline {

/// Made, resumed and destroyed in one thread. 8 MiB of address space for the stack, taken from
/// memory as it is used; running past it ends in a fault, not in another fiber's stack.
class Fiber {
 public:
  /// Starts nothing yet. Throws kIo when there is no room for a stack.
  explicit Fiber(std::function<void()> work);

  /// Unwinds work that has not come to its end: its pause() throws, so what it holds is released.
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Runs work to its next pause() or its end. False at the end. Throws what work threw; not to be
  /// called after that or after the end.
  bool resume();

  /// Called by work: back to the caller of resume(), until the next one. Not from a catch block.
  void pause();

 private:
  struct Body;
  std::unique_ptr<Body> body_;
};

}  // namespace larkspur::pipeline
