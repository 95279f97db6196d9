// SPDX-License-Identifier: Apache-2.0
#include "launch/verbs/commands.h"

#include "launch/verbs/version.h"

namespace larkspur::launch {

std::span<const Verb> all_verbs() {
  static constexpr Verb kVerbs[] = {
      {"train", "train a network, or go on training", "configs/demo/cloud.yaml", run_train},
      {"eval", "evaluate a checkpoint, write a report", "configs/demo/cloud.yaml", run_eval},
      {"score",
       "fuse the scores that evaluations have kept",
       "a.safetensors b.safetensors --weights 2,1",
       run_score},
      {"report", "put runs side by side on one page", "runs/a runs/b --output ab.html", run_report},
      {"predict",
       "the likeliest labels of files, or of a stream",
       "--checkpoint runs/demo_cloud/checkpoints data/demo_clouds/box/test/box_0051.off",
       run_predict},
      {"forward",
       "one forward pass, to check weights",
       "--model image/a --classes 1000 --weights a.safetensors --input x.npy --output y.npy",
       run_forward},
      {"export",
       "write a checkpoint's weights as safetensors",
       "--checkpoint runs/demo_cloud/checkpoints --output demo.safetensors",
       run_export},
      {"launch",
       "start train or eval on several ranks and look after them",
       "-n 2 -- train configs/demo/cloud.yaml",
       run_launch},
      {"data",
       "make data sets, look into files",
       "make clouds --output data/demo_clouds",
       run_data},
      {"inspect",
       "show what a configuration sets, a checkpoint holds, a network is",
       "config configs/demo/cloud.yaml",
       run_inspect},
  };
  return kVerbs;
}

void run_program(Invocation& call) {
  const bool asks_version = !call.arguments.empty() && call.arguments.front() == "--version";
  if (asks_version) return print_version(call.out);
  run_verb(all_verbs(), call);
}

}  // namespace larkspur::launch
