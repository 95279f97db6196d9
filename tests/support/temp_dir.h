// SPDX-License-Identifier: Apache-2.0
// A folder for one test, gone with everything in it when the test ends.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "pipeline/require.h"

namespace larkspur::testing {

/// Makes a folder of its own name below the system's folder for temporary files. Throws kIo where
/// that is refused. Neither copied nor moved.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "larkspur-XXXXXX").string();
    pipeline::require(
        ::mkdtemp(name.data()) != nullptr, pipeline::Errc::kIo, name, ": cannot be made");
    path_ = name;
  }
  TempDir(const TempDir&) = delete;
  TempDir(TempDir&&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  TempDir& operator=(TempDir&&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace larkspur::testing
