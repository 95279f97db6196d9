// SPDX-License-Identifier: Apache-2.0
#include "launch/run/last_words.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "launch/run/exit_code.h"

namespace larkspur::launch {

int say_last(std::string why, int code) {
  std::replace(why.begin(), why.end(), '\n', ' ');
  std::cerr.clear();  // what it could not take before is no reason to say nothing now
  std::cerr << "larkspur: " + why + "\n" << std::flush;
  return code;
}

void end_process(const pipeline::Error& error) {
  std::_Exit(say_last(error.what(), exit_code(error.code(), Phase::kRun)));
}

}  // namespace larkspur::launch
