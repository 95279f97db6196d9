// SPDX-License-Identifier: Apache-2.0
// Stands in for cloud_pack.cpp in a build without HDF5.
#include "pipeline/require.h"
#include "readers/format/cloud_pack.h"

namespace larkspur::readers {
namespace {

pipeline::Error refusal(const std::filesystem::path& path) {
  return {pipeline::Errc::kUnsupported,
          pipeline::text_of(path.string(),
                            ": this build has no HDF5 to read packs with: install libhdf5-dev "
                            "(launch/setup does) and build again")};
}

}  // namespace

pipeline::Result<PackFacts> read_pack_facts(const std::filesystem::path& path) {
  return refusal(path);
}

pipeline::Result<at::Tensor> read_pack_points(const std::filesystem::path& path, bool) {
  return refusal(path);
}

}  // namespace larkspur::readers
