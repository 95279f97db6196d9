// SPDX-License-Identifier: Apache-2.0
// The verbs of the program, one function each; main holds their table.
//
// Each reads its own arguments, prints results to the call's stream and throws pipeline::Error;
// none exits or catches.
#pragma once

#include "launch/verb.h"

namespace larkspur::launch {

/// `data make clouds`, `data points`, `data check`: makes data sets, looks into files.
void run_data(Invocation& call);

/// `data points FILE`: writes the points of a cloud or mesh as an array.
void run_data_points(Invocation& call);

/// `data check PATHS`: decodes every file of lists and folders, throws kCorruptData if one is bad.
void run_data_check(Invocation& call);

/// `train CONFIG`: trains, alone or as one rank of a job.
void run_train(Invocation& call);

/// `eval CONFIG`: evaluates a checkpoint and writes a report.
void run_eval(Invocation& call);

/// `inspect config`, `inspect checkpoint`: prints what there is to set, what a file sets, what a
/// checkpoint holds.
void run_inspect(Invocation& call);

}  // namespace larkspur::launch
