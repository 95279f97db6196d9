// SPDX-License-Identifier: Apache-2.0
// Work that must succeed on every rank or on none: nobody goes on alone, nobody waits for the dead.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pipeline/communicator.h"

namespace larkspur::pipeline {

/// How `work` went on a rank, as bytes for others: its result, or the Error it threw, with the rank
/// named unless it is rank 0. Other exceptions pass through.
std::string outcome_of(int rank, const std::function<std::string()>& work);

/// The results in outcomes of all ranks, by rank; of an empty one an empty result. Throws the first
/// Error in rank order, with its code.
std::vector<std::string> results_of(const std::vector<std::string>& outcomes);

/// Runs `work` on this rank and tells all ranks how it went. Returns every rank's result, by rank;
/// or every rank throws the first Error in rank order, with its code, and with the rank named
/// unless it is rank 0. Other exceptions are not shared. A collective call.
std::vector<std::string> all_or_none(Communicator& communicator,
                                     const std::function<std::string()>& work);

}  // namespace larkspur::pipeline
