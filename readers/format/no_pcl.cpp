// SPDX-License-Identifier: Apache-2.0
// Stands in for pcd_file.cpp in a build without PCL.
#include "pipeline/require.h"
#include "readers/format/pcd_file.h"

namespace larkspur::readers {

pipeline::Result<at::Tensor> parse_pcd(std::string_view, std::string_view name) {
  return pipeline::Error(pipeline::Errc::kUnsupported,
                         pipeline::text_of(name, ": this build has no PCL to read PCD files with"));
}

pipeline::Result<at::Tensor> read_pcd(const std::filesystem::path& path) {
  return parse_pcd({}, path.string());
}

}  // namespace larkspur::readers
