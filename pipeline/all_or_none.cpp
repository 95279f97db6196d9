// SPDX-License-Identifier: Apache-2.0
#include "pipeline/all_or_none.h"

#include <optional>

#include "pipeline/error.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {

std::string outcome_of(int rank, const std::function<std::string()>& work) {
  // The first byte says how it went: 0, or 1 + the error's code.
  std::string outcome(1, '\0');
  try {
    outcome += work();
  } catch (const Error& error) {
    outcome.assign(1, static_cast<char>(1 + static_cast<int>(error.code())));
    if (rank != 0) outcome += text_of("rank ", rank, ": ");
    outcome += error.what();
  }
  return outcome;
}

std::vector<std::string> results_of(const std::vector<std::string>& outcomes) {
  std::vector<std::string> results;
  std::optional<Error> failure;
  for (const std::string& told : outcomes) {
    if (told.empty()) {
      results.emplace_back();
      continue;
    }
    if (told.front() != 0 && !failure) {
      failure.emplace(static_cast<Errc>(told.front() - 1), told.substr(1));
    }
    results.push_back(told.substr(1));
  }
  if (failure) throw *failure;
  return results;
}

std::vector<std::string> all_or_none(Communicator& communicator,
                                     const std::function<std::string()>& work) {
  return results_of(communicator.all_gather(outcome_of(communicator.rank(), work)));
}

}  // namespace larkspur::pipeline
