// SPDX-License-Identifier: Apache-2.0
#include "tests/cuda_on_cpu/shared_watch.h"

namespace larkspur::cuda_on_cpu {
namespace {

std::string where(int index, int count) {
  return "element " + std::to_string(index) + " of a shared array of " + std::to_string(count);
}

/// Whether nothing puts `before` in front of `at`.
bool is_race(const Moment& before, const Moment& at) {
  if (before.block != at.block || before.barrier != at.barrier) return false;
  if (before.thread == at.thread) return false;
  return before.warp() != at.warp() || before.meeting == at.meeting;
}

void note_race(const Moment& before, const char* did, const char* does, int index, int count) {
  const Moment at = now();
  note("thread " + std::to_string(at.thread) + " " + does + " " + where(index, count) +
       ", which thread " + std::to_string(before.thread) + " " + did +
       " with no barrier between (" + std::to_string(at.barrier) + " barriers and " +
       std::to_string(at.meeting) + " operations of the warp in)");
}

}  // namespace

void watch_read(SharedElement& element, int index, int count) {
  const Moment at = now();
  if (element.write.block != at.block) {
    note("thread " + std::to_string(at.thread) + " reads " + where(index, count) +
         ", which was never written");
  } else if (is_race(element.write, at)) {
    note_race(element.write, "wrote", "reads", index, count);
  }
  const Moment& last = element.read;
  const bool same_interval = last.block == at.block && last.barrier == at.barrier;
  element.many_warps = same_interval && (element.many_warps || last.warp() != at.warp());
  element.many_readers = same_interval && last.meeting == at.meeting &&
                         (element.many_readers || last.thread != at.thread);
  element.read = at;
}

void watch_write(SharedElement& element, int index, int count) {
  const Moment at = now();
  if (is_race(element.write, at)) note_race(element.write, "wrote", "writes", index, count);
  const Moment& last = element.read;
  const bool same_interval = last.block == at.block && last.barrier == at.barrier;
  const bool by_others = element.many_warps || (element.many_readers && last.meeting == at.meeting);
  if (is_race(last, at) || (same_interval && by_others)) {
    note_race(last, "(or another) read", "writes", index, count);
  }
  element.write = at;
}

void watch_outside(const char* what, int index, int count) {
  note("thread " + std::to_string(now().thread) + " " + what + " " + where(index, count) +
       ": outside, or not aligned");
}

}  // namespace larkspur::cuda_on_cpu
