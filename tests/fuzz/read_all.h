// SPDX-License-Identifier: Apache-2.0
// What a fuzz target does with an input: hands it to a reader of weights as a file and takes all
// there is. Stops the program where the reader breaks its contract.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "pipeline/error.h"
#include "pipeline/storage/tensor_file.h"

namespace larkspur::testing {

inline void hold(bool condition, const char* what, const std::string& of) {
  if (condition) return;
  std::fprintf(stderr, "broken contract: %s: %s\n", what, of.c_str());
  std::abort();
}

/// The input as a file in memory, always at the same path.
inline std::filesystem::path file_of(const std::uint8_t* data, std::size_t size) {
  static const int descriptor = ::memfd_create("input", 0);
  hold(descriptor >= 0 && ::ftruncate(descriptor, 0) == 0, "no memory file", "");
  for (std::size_t at = 0; at < size;) {
    const ssize_t put = ::pwrite(descriptor, data + at, size - at, static_cast<off_t>(at));
    hold(put > 0, "no room in the memory file", "");
    at += static_cast<std::size_t>(put);
  }
  return "/proc/self/fd/" + std::to_string(descriptor);
}

/// A tensor as promised, or an error of ours.
inline void take(const pipeline::TensorFile& file, const std::string& name) {
  const auto shape = file.shape(name);
  try {
    const at::Tensor values = file.tensor(name);
    hold(values.sizes().vec() == shape, "another shape than told", name);
    hold(values.scalar_type() == at::kFloat && values.is_contiguous(), "no plain float32", name);
    const auto* first = values.const_data_ptr<float>();
    volatile float last = 0;  // every value is memory of the tensor's own
    for (std::int64_t i = 0; i < values.numel(); ++i) last = first[i];
    static_cast<void>(last);
  } catch (const pipeline::Error& error) {
    const std::string text = error.what();
    hold(text.find('\n') == std::string::npos, "more than one line", text);
    hold(text.find(file.origin()) != std::string::npos, "an error that names no file", text);
  }
}

/// Opens, lists and reads; an input that is refused must be refused in one line that names the
/// file.
template <typename Reader>
int read_all(const std::uint8_t* data, std::size_t size) {
  const std::filesystem::path path = file_of(data, size);
  try {
    const Reader file(path);
    for (const std::string& name : file.names()) take(file, name);
  } catch (const pipeline::Error& error) {
    const std::string text = error.what();
    hold(text.find('\n') == std::string::npos, "more than one line", text);
    hold(text.find(path.string()) != std::string::npos, "an error that names no file", text);
    hold(text.size() < 600, "a line that is too long", text);
  }
  return 0;
}

}  // namespace larkspur::testing
