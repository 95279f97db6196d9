// SPDX-License-Identifier: Apache-2.0
// Where tensors lie: the one place that moves a network and its batches to a device.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "pipeline/classifier.h"

namespace larkspur::pipeline {

/// Moves every parameter and statistic to `device`; the network works there from then on. Before
/// FlatParameters and LaneStatistics take hold of the tensors. No-op for what is there already.
void place(const Classifier& classifier, at::Device device);

/// The batch with its inputs and labels on `device`, inputs as the network takes them
/// (float_input.h); the batch itself when it is so. A packed one (see PrefetchOptions) is one copy.
Batch on_device(const Batch& batch, at::Device device);

/// The same batch with all its tensors in one piece of memory, page-locked if asked for (which
/// needs a GPU).
Batch packed(const Batch& batch, bool pinned);

/// The tensor on `device`. To a GPU the copy has a stream of its own: it does not wait for what is
/// queued, work queued later finds it arrived, and from pinned memory the caller does not wait
/// either. Never run on a GPU. Every copy of a training step to its device goes through here and is
/// counted.
at::Tensor to_device(const at::Tensor& tensor, at::Device device);

/// Copies so far, by any thread of the process, also those of tensors that stayed on the CPU.
std::int64_t device_copies();

/// The tensor on the CPU. On a GPU the caller waits until all that is queued there is done, so a
/// step reads rarely and much at a time; every read of the training loop goes through here and is
/// counted.
at::Tensor to_host(const at::Tensor& tensor);

/// Reads so far, by any thread of the process, also those of tensors that were on the CPU.
std::int64_t host_reads();

}  // namespace larkspur::pipeline
