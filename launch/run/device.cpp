// SPDX-License-Identifier: Apache-2.0
#include "launch/run/device.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <sstream>
#include <string_view>

#include <ATen/Context.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>
#include <dlfcn.h>

#include "pipeline/log.h"
#include "pipeline/require.h"

namespace larkspur::launch {
namespace {

namespace fs = std::filesystem;
using pipeline::Errc;
using pipeline::Error;
using pipeline::require;
using pipeline::text_of;

constexpr const char* kTorchCuda = "libtorch_cuda.so";
constexpr const char* kWorkspace = "CUBLAS_WORKSPACE_CONFIG";
constexpr const char* kOurCuda = "liblarkspur_cuda.so";

std::string loader_error() {
  const char* text = ::dlerror();
  return text == nullptr ? "no reason given" : text;
}

/// The folder of the library that holds `symbol`.
fs::path folder_of(const void* symbol) {
  Dl_info info{};
  const bool known = ::dladdr(symbol, &info) != 0 && info.dli_fname != nullptr;
  return known ? fs::path(info.dli_fname).parent_path() : fs::path();
}

/// The CUDA driver's own library, as far as it is needed to count and name GPUs; no toolkit is.
class Driver {
 public:
  Driver() : library_(::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL)) {
    require(
        library_ != nullptr, Errc::kDevice, "no NVIDIA driver on this machine: ", loader_error());
    check(function<int(unsigned)>("cuInit")(0), "cuInit");
  }

  int count() const {
    int count = 0;
    check(function<int(int*)>("cuDeviceGetCount")(&count), "cuDeviceGetCount");
    require(count > 0, Errc::kDevice, "the NVIDIA driver shows no GPU to this process");
    return count;
  }

  std::string name(int ordinal) const {
    const int device = handle(ordinal);
    std::array<char, 256> text{};
    check(function<int(char*, int, int)>("cuDeviceGetName")(
              text.data(), static_cast<int>(text.size()) - 1, device),
          "cuDeviceGetName");
    return text.data();
  }

  int version() const {
    int version = 0;
    check(function<int(int*)>("cuDriverGetVersion")(&version), "cuDriverGetVersion");
    return version;
  }

  /// Of the whole GPU, for a part of one too: NCCL does not tell parts of one apart.
  std::string uuid(int ordinal) const {
    std::array<unsigned char, 16> bytes{};
    check(function<int(void*, int)>("cuDeviceGetUuid")(bytes.data(), handle(ordinal)),
          "cuDeviceGetUuid");
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const unsigned char byte : bytes) {
      text += digits[byte / 16];
      text += digits[byte % 16];
    }
    return text;
  }

 private:
  int handle(int ordinal) const {
    int device = 0;
    check(function<int(int*, int)>("cuDeviceGet")(&device, ordinal), "cuDeviceGet");
    return device;
  }

  template <typename Signature>
  Signature* function(const char* name) const {
    void* symbol = ::dlsym(library_, name);
    require(symbol != nullptr, Errc::kDevice, "libcuda.so.1 has no ", name);
    return reinterpret_cast<Signature*>(symbol);
  }

  static void check(int status, const char* call) {
    require(status == 0, Errc::kDevice, "the NVIDIA driver refuses ", call, ": error ", status);
  }

  void* library_;  // stays for good: torch uses it too
};

void load(const fs::path& folder, const char* name, const char* remedy) {
  const fs::path path = folder / name;
  std::error_code error;
  require(fs::exists(path, error),
          Errc::kUnsupported,
          "there is a GPU, but no ",
          path.string(),
          ": ",
          remedy);
  const void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  require(library != nullptr,
          Errc::kUnsupported,
          "there is a GPU, but ",
          name,
          " does not load: ",
          loader_error(),
          ": ",
          remedy);
}

/// cuBLAS reads its variable at its first call; what the user set stays.
void load_libraries() {
  ::setenv(kWorkspace, ":4096:8", /*replace=*/0);
  load(folder_of(reinterpret_cast<const void*>(&at::globalContext)),
       kTorchCuda,
       "LARKSPUR_GPU=yes launch/setup fetches what is missing; or use a torch for CUDA with its "
       "nvidia packages, LIBTORCH=<site-packages>");
  load(folder_of(reinterpret_cast<const void*>(&use_device)),
       kOurCuda,
       "build with nvcc, -DLARKSPUR_WITH_CUDA=ON");
}

/// torch's words on which of its two switches for TF32 is the newer one are not for our users.
class Silence : public c10::WarningHandler {
 public:
  void process(const c10::Warning& /*warning*/) override {}
};

void make_deterministic() {
  at::Context& context = at::globalContext();
  Silence silence;
  const c10::WarningUtils::WarningHandlerGuard guard(&silence);
  context.setAllowTF32CuBLAS(false);
  context.setAllowTF32CuDNN(false);
  context.setAllowFP16ReductionCuBLAS(false);
  context.setAllowBF16ReductionCuBLAS(false);
  context.setBenchmarkCuDNN(false);
  context.setDeterministicCuDNN(true);
  context.setDeterministicAlgorithms(true, /*warn_only=*/false);
  context.setDeterministicFillUninitializedMemory(false);  // we read no memory before writing it
}

std::string facts_of(const Device& device, const Driver& driver) {
  const char* workspace = std::getenv(kWorkspace);
  return text_of("GPU=",
                 device.name,
                 "\ndriver=",
                 driver.version(),
                 "\ncuDNN=",
                 at::Context::hasCuDNN() ? at::Context::versionCuDNN() : 0,
                 "\n",
                 kWorkspace,
                 "=",
                 workspace == nullptr ? "" : workspace,
                 "\n");
}

/// A machine without a GPU is nothing to talk about; one that is there and cannot be used is,
/// unless it was hidden from this process on purpose.
bool has_hidden_gpus() {
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  return visible != nullptr && (*visible == '\0' || *visible == '-');
}

std::string first_sentence(const std::string& text) {
  return text.substr(0, std::min(text.find(". "), text.find('\n')));
}

Device use_gpu(int local_rank) {
  const Driver driver;
  Device device;
  const int ordinal = local_rank % driver.count();
  device.place = c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(ordinal));
  device.name = driver.name(ordinal);
  device.uuid = driver.uuid(ordinal);
  load_libraries();
  make_deterministic();
  c10::impl::VirtualGuardImpl(c10::kCUDA).setDevice(device.place);
  device.facts = facts_of(device, driver);
  return device;
}

/// `asked`: torch's words for how much was asked for, or nothing.
Error no_memory(const std::string& asked) {
  return Error(
      Errc::kDevice,
      text_of("out of memory on the CPU",
              asked.empty() ? "" : " (" + asked + ")",
              ": make samples or batches smaller (data.*, train.global_batch, eval.batch), "
              "raise train.lanes, or start fewer ranks on this host"));
}

}  // namespace

Device use_device(DeviceChoice choice, int local_rank) {
  if (choice == DeviceChoice::kCpu) return {};
  try {
    return use_gpu(local_rank);
  } catch (const Error& error) {
    if (choice == DeviceChoice::kCuda) {
      throw Error(error.code(), text_of("device: cuda: ", error.what(), "; or use device=cpu"));
    }
    const bool is_there = fs::exists("/dev/nvidiactl") && !has_hidden_gpus();
    Device cpu;
    if (error.code() == Errc::kUnsupported || is_there) {
      cpu.refusal = error.what();
      pipeline::log_warn(text_of(cpu.refusal, "; running on the CPU"));
    }
    return cpu;
  }
}

void repeat_refusal(const Device& device) {
  if (device.refusal.empty()) return;
  pipeline::log_warn(text_of("all of this was computed on the CPU: ", device.refusal));
}

void check_same_facts(const std::vector<std::string>& facts) {
  for (std::size_t rank = 1; rank < facts.size(); ++rank) {
    std::istringstream first(facts[0]);
    std::istringstream other(facts[rank]);
    std::string mine;
    std::string theirs;
    while (std::getline(first, mine) && std::getline(other, theirs)) {
      if (mine == theirs) continue;
      const std::string both = text_of("rank 0 has ", mine, ", rank ", rank, " has ", theirs);
      require(!mine.starts_with(kWorkspace),
              Errc::kInvalidArgument,
              both,
              ": set it alike on every host (larkspur launch passes it on)");
      pipeline::log_warn(text_of(both, ": bits may depend on which rank does what"));
    }
  }
}

void name_device_failures(const std::function<void()>& work) {
  try {
    work();
  } catch (const c10::OutOfMemoryError& error) {
    throw Error(Errc::kDevice,
                text_of(first_sentence(error.what_without_backtrace()),
                        ": lower train.global_batch or eval.batch, or raise train.lanes"));
  } catch (const c10::AcceleratorError& error) {
    throw Error(Errc::kDevice, first_sentence(error.what_without_backtrace()));
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    // cuDNN's ways to compute a convolution are tried one after the other, and each may have run
    // out.
    require(
        text.find("unable to find an engine") == std::string::npos,
        Errc::kDevice,
        "cuDNN found no way to compute a convolution, most likely for want of GPU memory: lower "
        "train.global_batch or eval.batch, or raise train.lanes");
    require(!text.starts_with("CUDA error") && !text.starts_with("cuDNN error"),
            Errc::kDevice,
            first_sentence(text));
    if (text.find("can't allocate memory") == std::string::npos) throw;
    const std::size_t asked = text.find("you tried to allocate ");
    throw no_memory(asked == std::string::npos ? ""
                                               : text.substr(asked, text.find('.', asked) - asked));
  } catch (const std::bad_alloc&) {
    throw no_memory("");
  }
}

}  // namespace larkspur::launch
