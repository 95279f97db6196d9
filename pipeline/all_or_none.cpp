// SPDX-License-Identifier: Apache-2.0
#include "pipeline/all_or_none.h"

#include <optional>

#include "pipeline/error.h"

namespace larkspur::pipeline {

std::vector<std::string> all_or_none(Communicator& communicator,
                                     const std::function<std::string()>& work) {
  // The first byte says how it went: 0, or 1 + the error's code.
  std::string mine(1, '\0');
  try {
    mine += work();
  } catch (const Error& error) {
    const std::string who =
        communicator.rank() == 0 ? "" : "rank " + std::to_string(communicator.rank()) + ": ";
    mine = static_cast<char>(1 + static_cast<int>(error.code())) + who + error.what();
  }
  std::vector<std::string> results;
  std::optional<Error> failure;
  for (const std::string& told : communicator.all_gather(mine)) {
    if (told.front() != 0 && !failure) {
      failure.emplace(static_cast<Errc>(told.front() - 1), told.substr(1));
    }
    results.push_back(told.substr(1));
  }
  if (failure) throw *failure;
  return results;
}

}  // namespace larkspur::pipeline
