// SPDX-License-Identifier: Apache-2.0
// Finds the GPU before any tensor is made, as the program does; without one there is nothing to
// run, but in a rehearsal, which takes the CPU for it.
#include <cstdlib>
#include <iostream>

#include <gtest/gtest.h>

#include "distributed/transport/rank_env.h"
#include "launch/run/device.h"
#include "pipeline/error.h"
#include "tests/gpu/gpu.h"

namespace larkspur::testing {
namespace {

constexpr int kSkipped = 77;

c10::Device& chosen() {
  static c10::Device device(c10::kCPU);
  return device;
}

}  // namespace

c10::Device gpu() { return chosen(); }

int run_all(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (std::getenv("LARKSPUR_GPU_REHEARSAL") != nullptr) return RUN_ALL_TESTS();
  try {
    const int local_rank = distributed::read_rank_env().local_rank;
    chosen() = launch::use_device(launch::DeviceChoice::kCuda, local_rank).place;
  } catch (const pipeline::Error& error) {
    std::cerr << "gpu_tests: " << error.what() << std::endl;
    return error.code() == pipeline::Errc::kDevice ? kSkipped : 1;
  }
  return RUN_ALL_TESTS();
}

}  // namespace larkspur::testing

int main(int argc, char** argv) { return larkspur::testing::run_all(argc, argv); }
