// SPDX-License-Identifier: Apache-2.0
// The verbs of the program, one function each, and their table.
//
// Each reads its own arguments, prints results to the call's stream and throws pipeline::Error;
// none exits or catches.
#pragma once

#include "launch/verb.h"

namespace larkspur::launch {

/// Every verb of the program; main looks its first word up here.
std::span<const Verb> program_verbs();

/// `data make clouds`, `data make videos`: makes data sets.
void run_data(Invocation& call);

/// `train CONFIG`: trains, alone or as one rank of a job.
void run_train(Invocation& call);

/// `eval CONFIG`: evaluates a checkpoint and writes a report.
void run_eval(Invocation& call);

/// `launch -n N -- train CONFIG`: supervised ranks. The job's code goes to `call.code`.
void run_launch(Invocation& call);

/// `predict FILE...`: prints the likeliest labels of files.
void run_predict(Invocation& call);

/// `inspect config`, `inspect checkpoint`: prints what there is to set, what a file sets, what a
/// checkpoint holds.
void run_inspect(Invocation& call);

}  // namespace larkspur::launch
