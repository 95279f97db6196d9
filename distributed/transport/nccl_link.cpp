// SPDX-License-Identifier: Apache-2.0
#include "distributed/transport/nccl_link.h"

#include <algorithm>
#include <exception>
#include <future>
#include <thread>
#include <utility>

#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>

#include "pipeline/log.h"
#include "pipeline/ops/cuda_handles.h"
#include "pipeline/require.h"

namespace larkspur::distributed {
namespace {

using pipeline::Errc;
using pipeline::Error;
using Clock = std::chrono::steady_clock;

// The host waits for the device at the start and the end only.
constexpr auto kNap = std::chrono::microseconds(50);
constexpr auto kAbortLimit = std::chrono::seconds(5);
constexpr double kLookSeconds = 0.1;  // how often the watchdog asks what is over

bool is_error(ncclResult_t result) { return result != ncclSuccess && result != ncclInProgress; }

void check(ncclResult_t result, const char* what, ncclComm_t communicator) {
  if (result != ncclSuccess) throw nccl_error(what, result, communicator);
}

/// ncclCommAbort may itself wait for a peer or a thread: best effort, then it is left behind.
void let_go(ncclComm_t communicator) noexcept {
  if (communicator == nullptr) return;
  try {
    std::promise<void> over;
    auto is_over = over.get_future();
    std::thread([communicator, told = std::move(over)]() mutable {
      ncclCommAbort(communicator);
      told.set_value();
    }).detach();
    if (is_over.wait_for(kAbortLimit) != std::future_status::ready) {
      pipeline::log_warn("[nccl] the communicator did not let go within 5 s; left behind");
    }
  } catch (const std::exception& error) {
    pipeline::log_warn(pipeline::text_of("[nccl] abort: ", error.what()));
  }
}

}  // namespace

void check_cuda(cudaError_t status, const char* what) {
  pipeline::cuda_check(static_cast<int>(status), what);
}

Error nccl_error(const char* what, ncclResult_t result, ncclComm_t communicator) {
  return Error(Errc::kCollective,
               pipeline::text_of("[nccl] ",
                                 what,
                                 ": ",
                                 ncclGetErrorString(result),
                                 " (",
                                 ncclGetLastError(communicator),
                                 ")"));
}

StreamMark::StreamMark() {
  check_cuda(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "[nccl] new event");
}

StreamMark::~StreamMark() { cudaEventDestroy(event_); }

void StreamMark::record(cudaStream_t stream) const {
  check_cuda(cudaEventRecord(event_, stream), "[nccl] record");
}

void StreamMark::hold_back(cudaStream_t stream) const {
  check_cuda(cudaStreamWaitEvent(stream, event_, 0), "[nccl] order streams");
}

bool StreamMark::is_over() const {
  const cudaError_t status = cudaEventQuery(event_);
  if (status == cudaErrorNotReady) return false;
  check_cuda(status, "[nccl] exchange");
  return true;
}

cudaStream_t compute_stream() { return c10::cuda::getCurrentCUDAStream().stream(); }

NcclLink::NcclLink(int rank, int size, const GroupOptions& options)
    : rank_(rank),
      size_(size),
      deadline_(options.deadline_seconds),
      on_failure_(options.on_failure),
      device_(c10::cuda::current_device()) {
  check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "[nccl] new stream");
  check_cuda(cudaMalloc(&scratch_, 2 * static_cast<std::size_t>(size)), "[nccl] scratch");
  watch_ = Watchdog::of_process().every(std::min(kLookSeconds, deadline_ / 4), [this] { look(); });
}

NcclLink::~NcclLink() {
  watch_ = Watch();
  if (failure_) return;  // whatever still runs may use them
  cudaFree(scratch_);
  cudaStreamDestroy(stream_);
}

/// From here to end() the watchdog knows that NCCL is being called.
ncclComm_t NcclLink::begin(Operation operation) {
  const std::lock_guard lock(mutex_);
  if (failure_) throw broken_error(operation, rank_, *failure_);
  under_way_.push_back({operation, Clock::now(), nullptr});
  return communicator_;
}

/// `done`: behind what was queued meanwhile; none: nothing was.
void NcclLink::end(std::shared_ptr<StreamMark> done) {
  const std::lock_guard lock(mutex_);
  if (done == nullptr) {
    under_way_.pop_back();
  } else {
    under_way_.back().done = std::move(done);
  }
}

void NcclLink::call(Operation operation, const std::function<void(ncclComm_t)>& work) {
  const ncclComm_t communicator = begin(operation);
  try {
    work(communicator);
  } catch (const Error& error) {
    fail(error);
    throw;
  }
}

void NcclLink::connect(const ncclUniqueId& id) {
  call(Operation::kBarrier, [&](ncclComm_t) {
    ncclComm_t made = nullptr;
    check(ncclCommInitRank(&made, size_, id, rank_), "ncclCommInitRank", nullptr);
    const std::lock_guard lock(mutex_);
    communicator_ = made;
  });
  end(nullptr);
}

/// Of one group of NCCL, in which all move at once: what ranks send of their own, or what they pass
/// on of others, which comes behind it.
void NcclLink::queue_messages(const Exchange& exchange,
                              bool relayed,
                              ncclComm_t communicator) const {
  const auto place = [&](auto block, int peer, int way) -> std::pair<void*, std::size_t> {
    if (block.empty()) return {static_cast<char*>(scratch_) + 2 * peer + way, 1};
    return {const_cast<std::byte*>(block.data()), block.size()};  // what is sent is only read
  };
  for (const Message& message : exchange.received(rank_)) {
    if ((message.peer != message.block) != relayed) continue;
    const Block block = exchange.receives[static_cast<std::size_t>(message.block)];
    const auto [data, bytes] = place(block, message.peer, 1);
    check(ncclRecv(data, bytes, ncclUint8, message.peer, communicator, stream_),
          "ncclRecv",
          communicator);
  }
  for (const Message& message : relayed ? exchange.passed_on(rank_) : exchange.sent(rank_)) {
    const auto index = static_cast<std::size_t>(message.block);
    const ConstBlock block = relayed ? exchange.receives[index] : exchange.sends[index];
    const auto [data, bytes] = place(block, message.peer, 0);
    check(ncclSend(data, bytes, ncclUint8, message.peer, communicator, stream_),
          "ncclSend",
          communicator);
  }
}

void NcclLink::queue_group(const Exchange& exchange, bool relayed, ncclComm_t communicator) const {
  check(ncclGroupStart(), "ncclGroupStart", communicator);
  try {
    queue_messages(exchange, relayed, communicator);
  } catch (const Error&) {
    ncclGroupEnd();
    throw;
  }
  check(ncclGroupEnd(), "ncclGroupEnd", communicator);
}

/// Queues the messages of an exchange behind what the compute stream holds now.
std::shared_ptr<StreamMark> NcclLink::issue(const Exchange& exchange) {
  auto done = std::make_shared<StreamMark>();
  call(exchange.operation, [&](ncclComm_t communicator) {
    const StreamMark before;
    before.record(compute_stream());
    before.hold_back(stream_);
    queue_group(exchange, /*relayed=*/false, communicator);
    if (exchange.is_relayed()) queue_group(exchange, /*relayed=*/true, communicator);
    done->record(stream_);  // the groups' kernels are queued only now
  });
  end(done);
  return done;
}

/// What the compute stream is given from now on finds the blocks arrived.
void NcclLink::order(Operation operation, const StreamMark& done) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_) throw broken_error(operation, rank_, *failure_);
  }
  done.hold_back(compute_stream());
}

/// Holds the caller until all that was issued is over.
void NcclLink::drain() {
  const StreamMark last;
  last.record(stream_);
  while (!last.is_over()) {
    {
      const std::lock_guard lock(mutex_);
      if (failure_) throw Error(*failure_);
    }
    std::this_thread::sleep_for(kNap);
  }
}

/// Once in a while, by the watchdog.
void NcclLink::look() {
  std::optional<Error> found;
  {
    const std::lock_guard lock(mutex_);
    if (!failure_) found = trouble();
  }
  if (!found) return;
  ncclComm_t communicator = break_by(*found);
  if (on_failure_) on_failure_(*found);
  let_go(communicator);
}

/// Forgets what is over; what will not be, if there is any. Under the lock.
std::optional<Error> NcclLink::trouble() {
  ncclResult_t state = ncclSuccess;
  if (communicator_ != nullptr) ncclCommGetAsyncError(communicator_, &state);
  if (is_error(state)) {
    const Operation first = under_way_.empty() ? Operation::kBarrier : under_way_.front().operation;
    return nccl_error(name_of(first).data(), state, communicator_);
  }
  try {
    c10::cuda::set_device(device_);
    while (!under_way_.empty() && under_way_.front().done != nullptr &&
           under_way_.front().done->is_over()) {
      under_way_.pop_front();
    }
  } catch (const std::exception&) {  // the device failed, which whoever uses it next will say
    return std::nullopt;
  }
  if (under_way_.empty()) return std::nullopt;
  const UnderWay& oldest = under_way_.front();
  const std::chrono::duration<double> passed = Clock::now() - oldest.start;
  if (passed.count() < deadline_) return std::nullopt;
  return late_error(oldest.operation, rank_, deadline_, {});
}

/// The communicator, for the first who says why; none for the others.
ncclComm_t NcclLink::break_by(const Error& reason) noexcept {
  const std::lock_guard lock(mutex_);
  if (failure_) return nullptr;
  failure_ = reason;
  return std::exchange(communicator_, nullptr);
}

void NcclLink::fail(const Error& reason) noexcept { let_go(break_by(reason)); }

void NcclLink::finish() {
  {
    const std::lock_guard lock(mutex_);
    if (failure_ || communicator_ == nullptr) return;
  }
  drain();
  call(Operation::kBarrier, [&](ncclComm_t communicator) {
    check(ncclCommFinalize(communicator), "ncclCommFinalize", communicator);
    std::unique_lock lock(mutex_);
    const bool is_ours = std::exchange(communicator_, nullptr) != nullptr;
    lock.unlock();
    if (is_ours) ncclCommDestroy(communicator);
  });
  end(nullptr);
}

}  // namespace larkspur::distributed
