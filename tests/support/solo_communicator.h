// SPDX-License-Identifier: Apache-2.0
// A job of one rank, for tests of pipeline that need no distributed folder.
#pragma once

#include <string>
#include <vector>

#include "pipeline/communicator.h"

namespace larkspur::testing {

class SoloCommunicator : public pipeline::Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  std::vector<std::string> all_gather(std::string_view mine) override {
    return {std::string(mine)};
  }
};

}  // namespace larkspur::testing
