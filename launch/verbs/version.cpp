// SPDX-License-Identifier: Apache-2.0
#include "launch/verbs/version.h"

#include <ostream>
#include <sstream>
#include <string>

#include <torch/version.h>

namespace larkspur::launch {
namespace {

/// A version that was found when the build was configured; empty: not built in.
std::string built_in(const std::string& version) {
  return version.empty() ? "not built in" : version;
}

}  // namespace

void print_version(std::ostream& out) {
  out << "larkspur " << LARKSPUR_VERSION << ", commit " << LARKSPUR_COMMIT << "\nLibTorch "
      << TORCH_VERSION << "\nOpenMPI: " << built_in(LARKSPUR_MPI_FOUND)
      << "\nFFmpeg: " << built_in(LARKSPUR_FFMPEG_FOUND)
      << "\nPCL: " << built_in(LARKSPUR_PCL_FOUND) << "\nHDF5: " << built_in(LARKSPUR_HDF5_FOUND)
      << "\nCUDA: " << built_in(LARKSPUR_CUDA_FOUND) << "\n";
}

std::string version_text() {
  std::ostringstream text;
  print_version(text);
  return std::move(text).str();
}

}  // namespace larkspur::launch
