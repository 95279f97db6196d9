// SPDX-License-Identifier: Apache-2.0
#include "pipeline/norm/fiber.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace larkspur::pipeline {
namespace {

/// Writes a letter at each piece of its work and one when its stack is unwound.
class Writer {
 public:
  Writer(std::string& trace, char letter)
      : trace_(trace), letter_(letter), fiber_([this] { work(); }) {}
  bool go() { return fiber_.resume(); }

 private:
  struct AtEnd {
    std::string& trace;
    ~AtEnd() { trace += '.'; }
  };
  void work() {
    const AtEnd at_end{trace_};
    for (int piece = 0; piece < 3; ++piece) {
      trace_ += letter_;
      fiber_.pause();
    }
  }

  std::string& trace_;
  char letter_;
  Fiber fiber_;
};

TEST(Fiber, RunsAPieceAtATimeAndKeepsItsPlace) {
  std::string trace;
  Writer a(trace, 'a');
  Writer b(trace, 'b');
  while (a.go() && b.go()) trace += ' ';
  EXPECT_EQ(trace, "ab ab ab .");
  EXPECT_FALSE(b.go());
}

TEST(Fiber, WorkThatIsGivenUpLetsGoOfWhatItHolds) {
  std::string trace;
  {
    Writer a(trace, 'a');
    const Writer never(trace, 'n');
    a.go();
  }
  EXPECT_EQ(trace, "a.");
}

TEST(Fiber, WhatWorkThrowsComesOutOfResume) {
  std::unique_ptr<Fiber> fiber;
  fiber = std::make_unique<Fiber>([&] {
    fiber->pause();
    throw std::runtime_error("in the fiber");
  });
  EXPECT_TRUE(fiber->resume());
  EXPECT_THROW(fiber->resume(), std::runtime_error);
}

TEST(Fiber, HasRoomForDeepStacks) {
  const std::function<int(int)> deep = [&](int left) {
    std::vector<int> some(4, left);
    volatile char on_the_stack[1024] = {};
    on_the_stack[0] = 1;
    return left == 0 ? 0 : deep(left - 1) + on_the_stack[0] + some[0] - left;
  };
  int found = 0;
  Fiber fiber([&] { found = deep(2000); });
  EXPECT_FALSE(fiber.resume());
  EXPECT_EQ(found, 2000);
}

}  // namespace
}  // namespace larkspur::pipeline
