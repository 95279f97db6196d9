// SPDX-License-Identifier: Apache-2.0
// CUDA's streams and events over host memory: every stream is a thread with a queue, so that what
// no event orders does run out of order. "Device memory" is the host's.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

/// A point in a stream that has been passed, or not yet.
class FakeMark {
 public:
  void set();
  void wait();
  bool is_set();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_set_ = false;
};

struct CUevent_st {
  std::shared_ptr<FakeMark> mark;  ///< of the last record; none before
};

struct CUstream_st {
  CUstream_st();
  ~CUstream_st();  ///< after all that was queued
  CUstream_st(const CUstream_st&) = delete;
  CUstream_st& operator=(const CUstream_st&) = delete;

  void queue(std::function<void()> work);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  bool ends_ = false;
  std::thread worker_;  ///< goes first
};

namespace larkspur::nccl_on_cpu {

/// As a kernel on the current stream.
void queue_on_compute(std::function<void()> work);

/// As a copy to the host: holds the caller until the current stream is done.
void wait_for_compute();

/// Elements that the lane tree's sums have been queued for.
std::int64_t flat_sum_elements();

}  // namespace larkspur::nccl_on_cpu
