// SPDX-License-Identifier: Apache-2.0
// The verbs of the program, one function each, and their table.
//
// Each reads its own arguments, prints results to the call's stream and throws pipeline::Error;
// none exits or catches.
#pragma once

#include "launch/verbs/verb.h"

namespace larkspur::launch {

/// The table, in the order in which --help prints it.
std::span<const Verb> all_verbs();

/// The whole program: `--version`, or one of the verbs.
void run_program(Invocation& call);

/// `data make`, `data check`, `data index`, `data points`, `data frames`: makes data sets, looks
/// into files.
void run_data(Invocation& call);

/// `data frames FILE`: writes chosen pictures of a video as an array.
void run_data_frames(Invocation& call);

/// `data points FILE`: writes the points of a cloud or mesh as an array.
void run_data_points(Invocation& call);

/// `data check PATHS`: decodes every file of lists and folders, throws kCorruptData if one is bad.
void run_data_check(Invocation& call);

/// `data index PATHS`: reads videos through once and keeps what that tells. Throws kCorruptData if
/// one cannot be opened.
void run_data_index(Invocation& call);

/// `train CONFIG`: trains, or rehearses it, alone or as one rank of a job.
void run_train(Invocation& call);

/// `eval`: evaluates a checkpoint and writes a report, or lists the views of a file.
void run_eval(Invocation& call);

/// `score FILE...`: scores kept by evaluations, alone or fused.
void run_score(Invocation& call);

/// `report RUN...`: puts runs side by side on one page.
void run_report(Invocation& call);

/// `forward`: one forward pass, from a file of weights and an array to an array of logits.
void run_forward(Invocation& call);

/// `export`: a checkpoint's weights as safetensors.
void run_export(Invocation& call);

/// `launch -n N -- train CONFIG`: supervised ranks. The job's code goes to `call.code`.
void run_launch(Invocation& call);

/// `predict FILE...`, `predict -`: prints the likeliest labels of files, or of a stream.
void run_predict(Invocation& call);

/// `inspect config`, `protocols`, `checkpoint`, `batch`, `run`, `model`, `erf`: prints what there
/// is to set, what a file sets, what can be evaluated, what a checkpoint holds, what a step sees,
/// what ranks did last, what a network is made of and looks at.
void run_inspect(Invocation& call);

/// `inspect model`: layers of a network, with shapes and costs.
void run_inspect_model(Invocation& call);

/// `inspect batch`: what a step of a training sees.
void run_inspect_batch(Invocation& call);

/// `inspect run`: what the ranks of a training did last.
void run_inspect_run(Invocation& call);

/// `inspect erf`: the effective receptive field of a stage, as a picture and a table.
void run_inspect_erf(Invocation& call);

}  // namespace larkspur::launch
