// SPDX-License-Identifier: Apache-2.0
// Stands in for mat_file.cpp in a build without zlib.
#include "pipeline/require.h"
#include "readers/format/mat_file.h"

namespace larkspur::readers {

pipeline::Result<Volume> parse_mat(std::string_view, std::string_view name) {
  return pipeline::Error(
      pipeline::Errc::kUnsupported,
      pipeline::text_of(name,
                        ": this build has no zlib to read MATLAB files with: "
                        "install zlib1g-dev (launch/setup does) and build again"));
}

}  // namespace larkspur::readers
