// SPDX-License-Identifier: Apache-2.0
// The verbs of the program, one function each; main holds their table.
//
// Each reads its own arguments, prints results to the call's stream and throws pipeline::Error;
// none exits or catches.
#pragma once

#include "launch/verb.h"

namespace larkspur::launch {

/// `data make clouds`: makes data sets.
void run_data(Invocation& call);

/// `inspect config`: prints what there is to set, and what a file sets.
void run_inspect(Invocation& call);

}  // namespace larkspur::launch
