// SPDX-License-Identifier: Apache-2.0
#include "tests/nccl_on_cpu/fake_cuda.h"

#include <cstdlib>
#include <cstring>
#include <utility>

#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

void FakeMark::set() {
  const std::lock_guard lock(mutex_);
  is_set_ = true;
  changed_.notify_all();
}

void FakeMark::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return is_set_; });
}

bool FakeMark::is_set() {
  const std::lock_guard lock(mutex_);
  return is_set_;
}

CUstream_st::CUstream_st() : worker_([this] { run(); }) {}

CUstream_st::~CUstream_st() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
    changed_.notify_all();
  }
  worker_.join();
}

void CUstream_st::queue(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  queue_.push_back(std::move(work));
  changed_.notify_all();
}

void CUstream_st::run() {
  for (;;) {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return ends_ || !queue_.empty(); });
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

namespace {

/// Lives as long as the process, as torch's streams do.
CUstream_st& compute() {
  static auto* stream = new CUstream_st;
  return *stream;
}

}  // namespace

cudaStream_t c10::cuda::CUDAStream::stream() const { return &compute(); }

extern "C" {

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned /*flags*/) {
  *event = new CUevent_st;
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  event->mark = std::make_shared<FakeMark>();
  stream->queue([mark = event->mark] { mark->set(); });
  return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  return event->mark == nullptr || event->mark->is_set() ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned /*flags*/) {
  *stream = new CUstream_st;
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned /*flags*/) {
  if (event->mark != nullptr) stream->queue([mark = event->mark] { mark->wait(); });
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  *memory = std::malloc(bytes);
  return *memory == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}

cudaError_t cudaFree(void* memory) {
  std::free(memory);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(
    void* to, const void* from, std::size_t bytes, cudaMemcpyKind /*kind*/, cudaStream_t stream) {
  stream->queue([=] { std::memcpy(to, from, bytes); });
  return cudaSuccess;
}

}  // extern "C"

namespace larkspur::nccl_on_cpu {

void queue_on_compute(std::function<void()> work) { compute().queue(std::move(work)); }

void wait_for_compute() {
  const auto mark = std::make_shared<FakeMark>();
  compute().queue([mark] { mark->set(); });
  mark->wait();
}

}  // namespace larkspur::nccl_on_cpu
