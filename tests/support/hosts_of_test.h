// SPDX-License-Identifier: Apache-2.0
// The hosts that ranks under mpirun count as being on, where a test has several on one machine.
#pragma once

#include <cstdlib>
#include <vector>

namespace larkspur::testing {

/// LARKSPUR_TEST_HOSTS=00011: a digit a rank; none where it is not set.
inline std::vector<int> hosts_of_test() {
  std::vector<int> hosts;
  if (const char* digits = std::getenv("LARKSPUR_TEST_HOSTS")) {
    for (; *digits != '\0'; ++digits) hosts.push_back(*digits - '0');
  }
  return hosts;
}

}  // namespace larkspur::testing
