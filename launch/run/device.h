// SPDX-License-Identifier: Apache-2.0
// Where this process computes, decided before its first tensor.
//
//   driver there? --> GPUs? --> libtorch_cuda.so --> liblarkspur_cuda.so --> GPU by local rank
//        no            no            (each loaded only when the one before is there)
//        +-------------+---> CPU
//
// torch looks for CUDA at its first tensor and keeps the answer for good, so the libraries must be
// loaded before; the program links neither, and runs where they are missing.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "launch/config/run_config.h"

namespace larkspur::launch {

/// What was chosen.
struct Device {
  c10::Device place = c10::kCPU;
  std::string name;  ///< the GPU's, as the driver tells it; empty on a CPU
  std::string
      uuid;  ///< the GPU's, 32 hexadecimal digits: no other GPU anywhere has it; empty on a CPU
  std::string facts{};    ///< what else bits depend on, a line "name=value" each; empty on a CPU
  std::string refusal{};  ///< on a CPU: why a GPU that is there is not used; else empty
};

/// Once in a process, before any tensor is made. `automatic` takes a GPU where there is one, and
/// says aloud when one is there but cannot be used; `cuda` throws then: kDevice without a driver or
/// a GPU, kUnsupported naming the library that is missing and what to do. GPUs are dealt out by
/// local rank, in turn. On a GPU everything that could change bits from run to run is switched off:
/// TF32, cuDNN's trials, algorithms that are not deterministic, changing workspaces of cuBLAS.
Device use_device(DeviceChoice choice, int local_rank);

/// Says again, at the end of a run, that it was computed on the CPU beside a GPU.
void repeat_refusal(const Device& device);

/// Of all ranks, by rank. Throws kInvalidArgument where ranks have different workspaces of cuBLAS,
/// which the user sets; warns where they differ in what cannot be set: GPU, driver, cuDNN.
void check_same_facts(const std::vector<std::string>& facts);

/// Calls `work`; what torch throws when a GPU is out of memory or fails, and a host that is out of
/// memory, becomes Error{kDevice}, in one line that says what to do. Everything else passes.
void name_device_failures(const std::function<void()>& work);

}  // namespace larkspur::launch
