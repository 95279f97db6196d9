// SPDX-License-Identifier: Apache-2.0
// A communicator of NCCL with a stream of its own: messages behind the compute stream's work, and
// the compute stream's next work behind the messages. No host waits but at the start and the end.
//
//   compute stream  --- event -->                 --- event -->  what is queued after order()
//   NCCL's stream                 group of messages
//   watchdog                      every 0.1 s: over? failed? late?  --> on_failure
//
// The communicator is a blocking one: a nonblocking one starts a thread at every end of a group,
// which the caller has to wait for. On connected pairs a group's end only queues kernels; where it
// is stuck all the same, the watchdog knows since when. Part of liblarkspur_cuda.so.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include <c10/core/Device.h>
#include <cuda_runtime_api.h>
#include <nccl.h>

#include "distributed/transport/exchange.h"
#include "distributed/transport/process_group.h"
#include "distributed/watchdog/watchdog.h"
#include "pipeline/error.h"

namespace larkspur::distributed {

/// A point in a stream.
class StreamMark {
 public:
  StreamMark();
  ~StreamMark();
  StreamMark(const StreamMark&) = delete;
  StreamMark& operator=(const StreamMark&) = delete;

  void record(cudaStream_t stream) const;     ///< here
  void hold_back(cudaStream_t stream) const;  ///< what is queued there from now on comes after it
  bool is_over() const;                       ///< throws kDevice when the device has failed

 private:
  cudaEvent_t event_ = nullptr;
};

/// torch's current stream of the calling thread.
cudaStream_t compute_stream();

/// Shared by the group and its operations under way. One thread works with it; the watchdog looks
/// after what that one has left to the device, or is stuck in.
class NcclLink {
 public:
  /// On the current device; takes deadline and handler from the options.
  NcclLink(int rank, int size, const GroupOptions& options);
  ~NcclLink();
  NcclLink(const NcclLink&) = delete;
  NcclLink& operator=(const NcclLink&) = delete;

  /// Joins the ranks that have the same id; all of them meet here.
  void connect(const ncclUniqueId& id);

  /// Queues the messages of an exchange behind what the compute stream holds now; the mark is
  /// behind them. Throws kCollective when the link is broken or NCCL refuses, which breaks it.
  std::shared_ptr<StreamMark> issue(const Exchange& exchange);

  /// What the compute stream is given from now on comes after `done`. Throws kCollective when the
  /// link is broken.
  void order(Operation operation, const StreamMark& done);

  /// Holds the caller until all that was issued is over. Throws what broke the link.
  void drain();

  /// Breaks the link, once: later calls throw, the communicator is aborted (5 s at most).
  void fail(const pipeline::Error& reason) noexcept;

  /// The orderly end, which all ranks meet in; nothing on a broken link.
  void finish();

 private:
  /// An operation that is not known to be over.
  struct UnderWay {
    Operation operation = Operation::kBarrier;
    std::chrono::steady_clock::time_point start;
    std::shared_ptr<StreamMark> done;  ///< behind its messages; none while NCCL is being called
  };

  ncclComm_t begin(Operation operation);
  void end(std::shared_ptr<StreamMark> done);
  void call(Operation operation, const std::function<void(ncclComm_t)>& work);
  void queue_messages(const Exchange& exchange, bool relayed, ncclComm_t communicator) const;
  void queue_group(const Exchange& exchange, bool relayed, ncclComm_t communicator) const;
  void look();
  std::optional<pipeline::Error> trouble();
  ncclComm_t break_by(const pipeline::Error& reason) noexcept;

  int rank_;
  int size_;
  double deadline_;
  std::function<void(const pipeline::Error&)> on_failure_;
  c10::DeviceIndex device_;
  cudaStream_t stream_ = nullptr;
  void* scratch_ = nullptr;  ///< a byte to and a byte from each peer, for blocks that are empty
  std::mutex mutex_;         ///< of all below
  ncclComm_t communicator_ = nullptr;
  std::deque<UnderWay> under_way_;
  std::optional<pipeline::Error> failure_;
  Watch watch_;
};

/// kCollective: "[nccl] <what>: <NCCL's text> (<its last words on the communicator>)".
pipeline::Error nccl_error(const char* what, ncclResult_t result, ncclComm_t communicator);

/// Throws kDevice with `what` unless `status` is success.
void check_cuda(cudaError_t status, const char* what);

}  // namespace larkspur::distributed
