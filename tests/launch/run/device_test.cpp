// SPDX-License-Identifier: Apache-2.0
// What is said where a GPU cannot be used. Where it can, tests/gpu has the checks. In the order
// written: a driver that was loaded stays.
#include "launch/run/device.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "distributed/transport/group_registry.h"
#include "launch/run/assemble.h"
#include "tests/support/launches.h"
#include "tests/support/refusal.h"

namespace larkspur::launch {
namespace {

using larkspur::testing::refusal_of;
using ::testing::HasSubstr;

bool driver_is_there() { return ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD) != nullptr; }

/// Loads the made-up driver under the name that the real one has. False where there is a real one.
bool show_fake_gpus(const char* count) {
  if (std::filesystem::exists("/dev/nvidiactl")) return false;
  const auto tests = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const auto fake = tests / "fake_cuda_driver" / "libcuda.so.1";
  ::setenv("FAKE_GPUS", count, /*replace=*/1);
  return ::dlopen(fake.c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr;
}

auto refusal_of_cuda() {
  return refusal_of([] { use_device(DeviceChoice::kCuda, 0); });
}

TEST(Device, WithoutADriverIsTheCpuUnlessAGpuIsAskedFor) {
  if (std::filesystem::exists("/dev/nvidiactl") || driver_is_there())
    GTEST_SKIP() << "a driver is there";
  EXPECT_TRUE(use_device(DeviceChoice::kAuto, 0).place.is_cpu());
  const auto refusal = refusal_of_cuda();
  EXPECT_EQ(refusal.code, "device");
  EXPECT_THAT(refusal.text, HasSubstr("device: cuda: no NVIDIA driver on this machine"));
  EXPECT_THAT(refusal.text, HasSubstr("device=cpu"));
}

TEST(Device, ChosenAsCpuAsksNoDriver) {
  const Device device = use_device(DeviceChoice::kCpu, 3);
  EXPECT_TRUE(device.place.is_cpu());
  EXPECT_EQ(device.name, "");
}

TEST(Device, WithoutAGpuIsTheCpuUnlessAGpuIsAskedFor) {
  if (!show_fake_gpus("0")) GTEST_SKIP() << "a real driver is there";
  EXPECT_TRUE(use_device(DeviceChoice::kAuto, 0).place.is_cpu());
  EXPECT_EQ(refusal_of_cuda().code, "device");
  EXPECT_THAT(refusal_of_cuda().text, HasSubstr("shows no GPU"));
}

/// The fake GPU's libraries: torch's is looked for first, and either is not there or does not load.
TEST(Device, NamesTheLibraryThatIsMissing) {
  Dl_info torch{};
  ::dladdr(reinterpret_cast<const void*>(&at::globalContext), &torch);
  const auto site = std::filesystem::path(torch.dli_fname).parent_path() / ".." / "..";
  if (std::filesystem::exists(site / "nvidia" / "cudnn")) GTEST_SKIP() << "no library is missing";
  if (!show_fake_gpus("2")) GTEST_SKIP() << "a real driver is there";
  const auto refusal = refusal_of_cuda();
  EXPECT_EQ(refusal.code, "unsupported");
  EXPECT_THAT(refusal.text, HasSubstr("there is a GPU, but"));
  EXPECT_THAT(refusal.text, HasSubstr("libtorch_cuda.so"));
  EXPECT_THAT(refusal.text, HasSubstr("LIBTORCH=<site-packages>"));
  EXPECT_THAT(refusal.text, ::testing::Not(HasSubstr("no reason given")));
  const Device instead = use_device(DeviceChoice::kAuto, 0);
  EXPECT_TRUE(instead.place.is_cpu());
  EXPECT_THAT(instead.refusal, HasSubstr("libtorch_cuda.so"));
  EXPECT_FALSE(at::globalContext().deterministicAlgorithms()) << "only on a GPU";
}

/// Our CUDA library needs no driver to be loaded, and says by itself what it brings.
TEST(Device, OurLibraryBringsOperationsAndNccl) {
  const auto tests = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const auto library = tests.parent_path() / "liblarkspur_cuda.so";
  if (!std::filesystem::exists(library)) GTEST_SKIP() << "built without CUDA";
  ASSERT_NE(::dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL), nullptr) << ::dlerror();
  for (const larkspur::testing::LaunchesOfAnOp& ours : larkspur::testing::kLaunchesOfOurs) {
    const auto op =
        c10::Dispatcher::singleton().findSchemaOrThrow(std::string(ours.name).c_str(), "");
    EXPECT_TRUE(op.hasKernelForDispatchKey(c10::DispatchKey::CUDA)) << ours.name;
  }
  const auto groups = distributed::group_names();
  if (std::ranges::find(groups, "nccl") == groups.end()) GTEST_SKIP() << "built without NCCL";
  EXPECT_EQ(refusal_of([] { distributed::make_process_group({"nccl"}); }).code, "invalid argument");
}

TEST(Device, RanksAgreeOnTheWorkspaceOfCublas) {
  const std::string facts =
      "GPU=H200\ndriver=13000\ncuDNN=91900\nCUBLAS_WORKSPACE_CONFIG=:4096:8\n";
  std::string other = facts;
  EXPECT_NO_THROW(check_same_facts({facts, facts}));
  other.replace(other.find("13000"), 5, "12080");
  EXPECT_NO_THROW(check_same_facts({facts, other})) << "only a warning";
  other.replace(other.find(":4096"), 5, ":16");
  const auto refusal = refusal_of([&] { check_same_facts({facts, facts, other}); });
  EXPECT_EQ(refusal.code, "invalid argument");
  EXPECT_THAT(refusal.text, HasSubstr("rank 0 has CUBLAS_WORKSPACE_CONFIG=:4096:8, rank 2 has"));
}

TEST(Device, FailuresThatTorchThrowsGetACodeAndOneLine) {
  const auto out_of_memory = refusal_of([] {
    name_device_failures([] {
      throw c10::OutOfMemoryError({__func__, __FILE__, 1}, "CUDA out of memory. Tried to allocate");
    });
  });
  EXPECT_EQ(out_of_memory.code, "device");
  EXPECT_THAT(out_of_memory.text, HasSubstr("CUDA out of memory: lower train.global_batch"));
  const auto no_engine = refusal_of([] {
    name_device_failures([] { TORCH_CHECK(false, "GET was unable to find an engine to execute"); });
  });
  EXPECT_EQ(no_engine.code, "device");
  EXPECT_THAT(no_engine.text, HasSubstr("cuDNN found no way to compute a convolution"));
  const auto cublas = refusal_of([] {
    name_device_failures([] { TORCH_CHECK(false, "CUDA error: CUBLAS_STATUS_ALLOC_FAILED. x"); });
  });
  EXPECT_EQ(cublas.code, "device");
  EXPECT_EQ(cublas.text, "CUDA error: CUBLAS_STATUS_ALLOC_FAILED");
  const auto no_host_memory = refusal_of(
      [] { name_device_failures([] { (void)at::empty({std::int64_t{1} << 47}, at::kFloat); }); });
  EXPECT_EQ(no_host_memory.code, "device");
  EXPECT_THAT(
      no_host_memory.text,
      HasSubstr("out of memory on the CPU (you tried to allocate 562949953421312 bytes): "));
  EXPECT_EQ(refusal_of([] { name_device_failures([] { throw std::bad_alloc(); }); }).code,
            "device");
  EXPECT_THROW(name_device_failures([] { throw std::logic_error("ours"); }), std::logic_error);
  EXPECT_NO_THROW(name_device_failures([] {}));
}

/// What warn_of_doubts() says of a configuration.
std::string doubts(const LoadedConfig& loaded, const Device& device) {
  ::testing::internal::CaptureStderr();
  warn_of_doubts(loaded, device);
  return ::testing::internal::GetCapturedStderr();
}

TEST(Device, AReducedPrecisionOnACpuAndFrozenRandomLayersAreSaidAloud) {
  LoadedConfig loaded;
  EXPECT_EQ(doubts(loaded, {}), "");
  loaded.config.train.precision = pipeline::Precision::kBFloat16;
  loaded.origins["train.precision"] = "run.yaml:7";
  EXPECT_THAT(doubts(loaded, {}), HasSubstr("run.yaml:7: train.precision: on a CPU"));
  EXPECT_EQ(doubts(loaded, {c10::Device(c10::kCUDA, 0), "a GPU", "1f"}), "");
  loaded.config.train.precision = pipeline::Precision::kFloat32;
  loaded.config.model.freeze_stages = 2;
  EXPECT_THAT(doubts(loaded, {}),
              HasSubstr("model.freeze_stages (default): model.weights is none"));
  loaded.config.model.weights = "a.pth";
  EXPECT_EQ(doubts(loaded, {}), "");
}

}  // namespace
}  // namespace larkspur::launch
