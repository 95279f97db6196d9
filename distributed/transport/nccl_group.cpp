// SPDX-License-Identifier: Apache-2.0
#include "distributed/transport/nccl_group.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <future>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>
#include <nccl.h>

#include "distributed/transport/exchange.h"
#include "distributed/transport/group_registry.h"
#include "pipeline/log.h"
#include "pipeline/ops/cuda_handles.h"
#include "pipeline/require.h"

namespace larkspur::distributed {
namespace {

using pipeline::Errc;
using pipeline::Error;
using pipeline::require;
using Clock = std::chrono::steady_clock;

// A wait looks this long without a pause, then between naps; NCCL's own state less often.
constexpr auto kSpin = std::chrono::microseconds(200);
constexpr auto kNap = std::chrono::microseconds(20);
constexpr auto kAbortLimit = std::chrono::seconds(5);

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

bool is_error(ncclResult_t result) { return result != ncclSuccess && result != ncclInProgress; }

Clock::time_point limit_after(double seconds) {
  return Clock::now() +
         std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

/// Calls done() until it says so; false when `limit` came first.
template <typename Done>
bool poll(Clock::time_point limit, const Done& done) {
  const auto start = Clock::now();
  while (!done()) {
    const auto now = Clock::now();
    if (now > limit) return false;
    if (now - start > kSpin) std::this_thread::sleep_for(kNap);
  }
  return true;
}

class Event {
 public:
  Event() {
    check_cuda(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "[nccl] new event");
  }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(cudaStream_t stream) const {
    check_cuda(cudaEventRecord(event_, stream), "[nccl] record");
  }
  void hold_back(cudaStream_t stream) const {
    check_cuda(cudaStreamWaitEvent(stream, event_, 0), "[nccl] order streams");
  }
  bool is_over() const {
    const cudaError_t status = cudaEventQuery(event_);
    if (status == cudaErrorNotReady) return false;
    check_cuda(status, "[nccl] exchange");
    return true;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

cudaStream_t compute_stream() { return c10::cuda::getCurrentCUDAStream().stream(); }

/// The communicator and its stream, shared by the group and its operations under way.
class Link {
 public:
  Link(int rank, int size, double deadline_seconds) : rank_(rank), deadline_(deadline_seconds) {
    check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "[nccl] new stream");
    check_cuda(cudaMalloc(&scratch_, 2 * static_cast<std::size_t>(size)), "[nccl] scratch");
  }
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  void connect(const ncclUniqueId& id, int size);
  std::unique_ptr<Event> issue(const Exchange& exchange);
  void wait(Operation operation, const Event& done);
  void fail(const Error& reason) noexcept;
  void finish();

  cudaStream_t stream() const { return stream_; }

 private:
  void settle(Operation operation, ncclResult_t first, const char* what);
  void send(ConstBlock block, int peer);
  void receive(Block block, int peer);
  void abort() noexcept;

  int rank_;
  double deadline_;
  ncclComm_t communicator_ = nullptr;
  cudaStream_t stream_ = nullptr;
  void* scratch_ = nullptr;  // a byte to and a byte from each peer, for blocks that are empty
  std::optional<Error> failure_;
};

void Link::connect(const ncclUniqueId& id, int size) {
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  settle(Operation::kBarrier,
         ncclCommInitRankConfig(&communicator_, size, id, rank_, &config),
         "ncclCommInitRankConfig");
}

/// A nonblocking call is over when the communicator says so.
void Link::settle(Operation operation, ncclResult_t first, const char* what) {
  ncclResult_t state = first;
  const bool in_time = poll(limit_after(deadline_), [&] {
    if (state == ncclInProgress) {
      const ncclResult_t asked = ncclCommGetAsyncError(communicator_, &state);
      if (asked != ncclSuccess) state = asked;
    }
    return state != ncclInProgress;
  });
  if (in_time && state == ncclSuccess) return;
  const Error error = in_time ? nccl_error(what, state, communicator_)
                              : late_error(operation, rank_, deadline_, {});
  fail(error);
  throw Error(error);
}

void Link::send(ConstBlock block, int peer) {
  const bool empty = block.empty();
  const void* data =
      empty ? static_cast<char*>(scratch_) + 2 * peer : static_cast<const void*>(block.data());
  const ncclResult_t result =
      ncclSend(data, empty ? 1 : block.size(), ncclUint8, peer, communicator_, stream_);
  if (is_error(result)) throw nccl_error("ncclSend", result, communicator_);
}

void Link::receive(Block block, int peer) {
  const bool empty = block.empty();
  void* data =
      empty ? static_cast<char*>(scratch_) + 2 * peer + 1 : static_cast<void*>(block.data());
  const ncclResult_t result =
      ncclRecv(data, empty ? 1 : block.size(), ncclUint8, peer, communicator_, stream_);
  if (is_error(result)) throw nccl_error("ncclRecv", result, communicator_);
}

/// Queues the messages of an exchange behind what the compute stream holds now.
std::unique_ptr<Event> Link::issue(const Exchange& exchange) {
  if (failure_) throw broken_error(exchange.operation, rank_, *failure_);
  const Event before;
  before.record(compute_stream());
  before.hold_back(stream_);
  const int size = static_cast<int>(exchange.sends.size());
  settle(exchange.operation, ncclGroupStart(), "ncclGroupStart");
  try {
    for (int peer = 0; peer < size; ++peer) {
      const auto index = static_cast<std::size_t>(peer);
      if (exchange.has_message(peer, rank_)) receive(exchange.receives[index], peer);
      if (exchange.has_message(rank_, peer)) send(exchange.sends[index], peer);
    }
  } catch (const Error& error) {
    ncclGroupEnd();
    fail(error);
    throw;
  }
  // Only when the group has settled are its kernels queued, and only then may the event follow.
  settle(exchange.operation, ncclGroupEnd(), "ncclGroupEnd");
  auto done = std::make_unique<Event>();
  done->record(stream_);
  return done;
}

void Link::wait(Operation operation, const Event& done) {
  if (failure_) throw broken_error(operation, rank_, *failure_);
  ncclResult_t state = ncclSuccess;
  int looks = 0;
  const bool in_time = poll(limit_after(deadline_), [&] {
    if (++looks % 64 == 0) ncclCommGetAsyncError(communicator_, &state);
    return is_error(state) || done.is_over();
  });
  if (in_time && !is_error(state)) {
    done.hold_back(compute_stream());
    return;
  }
  const Error error = in_time ? nccl_error(name_of(operation).data(), state, communicator_)
                              : late_error(operation, rank_, deadline_, {});
  fail(error);
  throw Error(error);
}

void Link::fail(const Error& reason) noexcept {
  if (failure_) return;
  failure_ = reason;
  abort();
}

/// ncclCommAbort may itself wait for a peer or a thread: best effort, then it is left behind.
void Link::abort() noexcept {
  if (communicator_ == nullptr) return;
  try {
    std::promise<void> over;
    auto is_over = over.get_future();
    std::thread([communicator = communicator_, told = std::move(over)]() mutable {
      ncclCommAbort(communicator);
      told.set_value();
    }).detach();
    communicator_ = nullptr;
    if (is_over.wait_for(kAbortLimit) != std::future_status::ready) {
      pipeline::log_warn("[nccl] the communicator did not let go within 5 s; left behind");
    }
  } catch (const std::exception& error) {
    communicator_ = nullptr;
    pipeline::log_warn(pipeline::text_of("[nccl] abort: ", error.what()));
  }
}

/// The orderly end, which all ranks meet in.
void Link::finish() {
  if (failure_ || communicator_ == nullptr) return;
  settle(Operation::kBarrier, ncclCommFinalize(communicator_), "ncclCommFinalize");
  ncclCommDestroy(std::exchange(communicator_, nullptr));
}

Link::~Link() {
  if (failure_) return;  // whatever still runs may use them
  cudaFree(scratch_);
  cudaStreamDestroy(stream_);
}

class NcclWork : public Pending::Work {
 public:
  NcclWork(std::shared_ptr<Link> link, Operation operation, std::unique_ptr<Event> done)
      : link_(std::move(link)), operation_(operation), done_(std::move(done)) {}

  void wait() override { link_->wait(operation_, *done_); }

  void abandon() noexcept override {
    try {
      if (done_->is_over()) return;
    } catch (const Error&) {  // the device failed: nothing will touch the blocks
    }
    link_->fail(Error(Errc::kCollective,
                      pipeline::text_of("an ", name_of(operation_), " was dropped unfinished")));
  }

 private:
  std::shared_ptr<Link> link_;
  Operation operation_;
  std::unique_ptr<Event> done_;
};

class NcclGroup : public ProcessGroup {
 public:
  NcclGroup(int rank, int size, std::shared_ptr<Link> link)
      : ProcessGroup(rank, size), link_(std::move(link)), unwinding_(std::uncaught_exceptions()) {}

  ~NcclGroup() override {
    if (std::uncaught_exceptions() > unwinding_) abandon();
    try {
      link_->finish();
    } catch (const Error& error) {
      pipeline::log_warn(error.what());
    }
  }
  NcclGroup(const NcclGroup&) = delete;
  NcclGroup& operator=(const NcclGroup&) = delete;

  Memory memory() const noexcept override { return Memory::kDevice; }
  void abandon() noexcept override { link_->fail(Error(Errc::kCollective, "this rank has left")); }

 protected:
  Pending start(Exchange exchange) override {
    if (size() == 1) return {};
    return Pending(std::make_unique<NcclWork>(link_, exchange.operation, link_->issue(exchange)));
  }

  void copy_own(Block to, ConstBlock from) override {
    check_cuda(cudaMemcpyAsync(
                   to.data(), from.data(), from.size(), cudaMemcpyDeviceToDevice, compute_stream()),
               "[nccl] copy");
  }

 private:
  std::shared_ptr<Link> link_;
  int unwinding_;
};

// Loading the library is what makes NCCL known.
const bool registered = [] {
  register_group("nccl", make_nccl_group);
  return true;
}();

}  // namespace

std::unique_ptr<ProcessGroup> make_nccl_group(const GroupOptions& options) {
  options.check();
  require(options.bootstrap != nullptr && options.bootstrap->memory() == Memory::kHost,
          Errc::kInvalidArgument,
          "[nccl_group] needs a bootstrap group of host memory");
  ProcessGroup& ranks = *options.bootstrap;
  ncclUniqueId id{};
  if (ranks.rank() == 0) {
    const ncclResult_t result = ncclGetUniqueId(&id);
    if (result != ncclSuccess) throw nccl_error("ncclGetUniqueId", result, nullptr);
  }
  ranks.broadcast(std::as_writable_bytes(std::span(id.internal)), 0).wait();
  auto link = std::make_shared<Link>(ranks.rank(), ranks.size(), options.deadline_seconds);
  link->connect(id, ranks.size());
  auto group = std::make_unique<NcclGroup>(ranks.rank(), ranks.size(), std::move(link));
  group->barrier().wait();  // a message each way between all pairs: every connection is made
  return group;
}

}  // namespace larkspur::distributed
