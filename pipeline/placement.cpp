// SPDX-License-Identifier: Apache-2.0
#include "pipeline/placement.h"

#include <atomic>
#include <optional>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "pipeline/float_input.h"

namespace larkspur::pipeline {
namespace {

std::atomic<std::int64_t> reads = 0;
std::atomic<std::int64_t> copies = 0;

void move(at::Tensor tensor, at::Device device) {
  if (tensor.device() == device) return;
  tensor.set_data(tensor.detach().to(device));
}

/// Bytes of a tensor in a packed batch: each begins where any type may.
std::int64_t room_of(const at::Tensor& tensor) {
  constexpr std::int64_t kAlign = 256;
  return (static_cast<std::int64_t>(tensor.nbytes()) + kAlign - 1) / kAlign * kAlign;
}

std::int64_t room_of(const Batch& batch) {
  std::int64_t bytes = 0;
  with_tensors(batch, [&](const at::Tensor& tensor) {
    bytes += room_of(tensor);
    return tensor;
  });
  return bytes;
}

/// Bytes [first, ...) as `like` is.
at::Tensor view_of(const at::Tensor& bytes, std::int64_t first, const at::Tensor& like) {
  const at::Tensor part = bytes.narrow(0, first, static_cast<std::int64_t>(like.nbytes()));
  return part.view(like.scalar_type()).view(like.sizes());
}

/// The bytes that a batch's tensors fill, where they are one piece of memory; undefined where not,
/// as where they are a few rows of it.
at::Tensor memory_of(const Batch& batch) {
  const at::Tensor& first = batch.labels;
  if (!first.defined() || first.storage().nbytes() == 0) return {};
  bool is_one = static_cast<std::int64_t>(first.storage().nbytes()) == room_of(batch);
  with_tensors(batch, [&](const at::Tensor& tensor) {
    is_one = is_one && tensor.is_contiguous() && tensor.is_alias_of(first);
    return tensor;
  });
  if (!is_one) return {};
  return at::empty({0}, first.options().dtype(at::kByte)).set_(first.storage());
}

/// Of this thread, for copies to the device.
c10::Stream copying_stream(const c10::impl::VirtualGuardImpl& gpu, at::Device device) {
  thread_local std::optional<c10::Stream> stream;
  if (!stream || stream->device() != device) stream = gpu.getStreamFromGlobalPool(device);
  return *stream;
}

/// On a stream of its own, so that it need not wait for work that is queued; what is queued behind
/// it waits for it.
at::Tensor copied_beside(const at::Tensor& tensor, at::Device wanted) {
  const c10::impl::VirtualGuardImpl gpu(wanted.type());
  const at::Device device = wanted.has_index() ? wanted : gpu.getDevice();
  const c10::Stream work = gpu.getStream(device);
  const c10::Stream copying = copying_stream(gpu, device);
  c10::Event arrived(device.type());
  at::Tensor moved;
  {
    const c10::StreamGuard beside(copying);
    moved = tensor.to(device, /*non_blocking=*/true);
    arrived.record(copying);
  }
  arrived.block(work);
  gpu.recordDataPtrOnStream(moved.storage().data_ptr(), work);  // given back after that work alone
  return moved;
}

/// A packed batch in one copy.
Batch moved(const Batch& batch, at::Device device) {
  const at::Tensor together = memory_of(batch);
  if (!together.defined()) {
    return with_tensors(batch, [&](const at::Tensor& tensor) { return to_device(tensor, device); });
  }
  const at::Tensor there = to_device(together, device);
  return with_tensors(batch, [&](const at::Tensor& tensor) {
    const auto size = static_cast<std::int64_t>(tensor.itemsize());
    return view_of(there, tensor.storage_offset() * size, tensor);
  });
}

}  // namespace

void place(const Classifier& classifier, at::Device device) {
  const at::NoGradGuard no_grad;
  for (const Parameter& parameter : classifier.parameters()) move(parameter.tensor, device);
  for (const Statistic& statistic : classifier.statistics()) move(statistic.tensor, device);
}

Batch on_device(const Batch& batch, at::Device device) {
  Batch there = moved(batch, device);
  for (Input& input : there.inputs) input.tensor = float_input(input.tensor);
  return there;
}

Batch packed(const Batch& batch, bool pinned) {
  const at::Tensor together =
      at::empty({room_of(batch)}, at::TensorOptions(at::kByte).pinned_memory(pinned));
  std::int64_t next = 0;
  return with_tensors(batch, [&](const at::Tensor& tensor) {
    const std::int64_t first = next;
    next += room_of(tensor);
    return view_of(together, first, tensor).copy_(tensor);
  });
}

at::Tensor to_device(const at::Tensor& tensor, at::Device device) {
  ++copies;
  if (!device.is_cuda() || tensor.is_cuda()) return tensor.to(device, /*non_blocking=*/true);
  return copied_beside(tensor, device);
}

std::int64_t device_copies() { return copies; }

at::Tensor to_host(const at::Tensor& tensor) {
  ++reads;
  return tensor.cpu();
}

std::int64_t host_reads() { return reads; }

}  // namespace larkspur::pipeline
