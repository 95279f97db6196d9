// SPDX-License-Identifier: Apache-2.0
// One thread that owns a message library and keeps its transfers moving while others compute.
//
//   any rank thread:  submit(transfer) --> queue --> | communication thread                     |
//                     wait()  <--  done or stopped   | begin(), advance() round and round, end() |
//
// A library such as MPI moves nothing between calls into it, so somebody has to keep calling. This
// file knows no library: begin, transfers and end are given to it, and only its thread calls them.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "distributed/transport/exchange.h"
#include "pipeline/operation_ring.h"

namespace larkspur::distributed {

/// One operation under way. Made by any thread, then used by the communication thread alone.
class Transfer {
 public:
  virtual ~Transfer() = default;

  /// Moves on without blocking; the first call starts it. True once finished, after which it is not
  /// called again. A pipeline::Error thrown here stops the whole thread; others are not allowed.
  virtual bool advance() = 0;

  /// Communicator it still waits for, for error texts. Calls no library.
  virtual std::vector<int> missing() const = 0;

 protected:
  Transfer() = default;
  Transfer(const Transfer&) = default;
  Transfer& operator=(const Transfer&) = default;
};

/// Who the thread works for.
struct CommunicationOptions {
  int rank = 0;                    ///< for error texts
  double deadline_seconds = 60.0;  ///< of one wait(), and of end()
  std::function<void()> begin;     ///< first call of the thread; may throw pipeline::Error
  std::function<void()> end;       ///< last call, left out once stopped; errors are logged
};

/// Once stopped (a deadline, a throwing transfer, an abandoned operation), the thread touches no
/// block and calls the library no more; it does not come back to life. A call that never returns
/// cannot be cancelled: the thread is then left behind, and the process should end by _exit.
class CommunicationThread {
 public:
  /// Starts the thread and returns when begin() has returned; rethrows its error.
  explicit CommunicationThread(CommunicationOptions options);

  /// Waits for the transfers under way and for end(), up to the deadline.
  ~CommunicationThread();
  CommunicationThread(const CommunicationThread&) = delete;
  CommunicationThread& operator=(const CommunicationThread&) = delete;

  /// Of the waits to come, and of the end. By the thread that waits.
  void set_deadline(double seconds);

  /// Where transfers submitted from now on are noted: their begin, whom they wait for, their end.
  void record_in(std::shared_ptr<pipeline::OperationRing> ring);

  /// Queues a transfer; `what` it is about is for the record. Transfers are started in the order
  /// submitted, and all move at once. Throws kCollective when the thread was stopped. Safe from any
  /// thread.
  Pending submit(Operation operation,
                 std::unique_ptr<Transfer> transfer,
                 std::string_view what = {});

  /// Stops the thread for the reason given; no-op when it was stopped before. Safe from any thread.
  void stop(const pipeline::Error& reason) noexcept;

 private:
  struct Job;
  struct State;
  class Ticket;

  std::shared_ptr<State> state_;
};

}  // namespace larkspur::distributed
