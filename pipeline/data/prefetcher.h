// SPDX-License-Identifier: Apache-2.0
// Threads that turn a source and an order into ready batches: in order, bounded ahead.
//
//   request(k) -> positions and keys -> read_views() by a worker -> collate -> mix -> next() hands
//   out k, k+1, ...
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "pipeline/batch.h"
#include "pipeline/data/mix.h"
#include "pipeline/sample_source.h"

namespace larkspur::pipeline {

/// One sample to read: what, and where it stands in the order.
struct SampleRequest {
  SampleKey key;
  std::int64_t position = 0;
  int views = 1;  ///< >= 1, the same for all of a batch: key.view, key.view + 1, ... side by side
};

/// The samples of batch k; a pure function, called from any worker.
using BatchRequest = std::function<std::vector<SampleRequest>(std::int64_t k)>;

struct PrefetchOptions {
  std::int64_t first = 0;  ///< first batch handed out
  std::int64_t end = 0;    ///< one past the last
  int workers = 1;         ///< reading threads, >= 1
  int ahead = 4;           ///< batches in flight or waiting, >= 1: bounds the memory
  bool pinned = false;     ///< packed in page-locked memory, for one copy to a GPU; needs one
  LaneMix mix{};           ///< applied to each batch; a batch is a lane then
};

/// next() from one thread. The source must outlive the prefetcher. Destruction stops the workers
/// after the samples they are reading.
class Prefetcher {
 public:
  /// Throws kInvalidArgument where the system does not give so many threads.
  Prefetcher(const SampleSource& source, BatchRequest request, const PrefetchOptions& options);
  ~Prefetcher();
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  /// The next batch in order; waits for it. A sample that cannot be read is in Batch::bad; kIo is
  /// tried three times. Anything else a worker threw is thrown here. Not to be called past the end.
  Batch next();

  /// Seconds next() has waited so far.
  double waited_seconds() const { return waited_seconds_; }

 private:
  void stop();
  void work();
  Batch read_batch(std::int64_t k) const;

  const SampleSource& source_;
  BatchRequest request_;
  PrefetchOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::int64_t, Batch> ready_;
  std::exception_ptr failure_;
  std::int64_t next_taken_;
  std::int64_t next_given_;
  bool stopping_ = false;
  double waited_seconds_ = 0.0;
  std::vector<std::thread> threads_;
};

}  // namespace larkspur::pipeline
