// SPDX-License-Identifier: Apache-2.0
// The verbs of the program, in the order in which --help shows them.
#include "launch/commands.h"

namespace larkspur::launch {

std::span<const Verb> program_verbs() {
  static constexpr Verb verbs[] = {
      {"train", "train a network, or go on training", "configs/demo/cloud.yaml", run_train},
      {"eval", "evaluate a checkpoint, write a report", "configs/demo/cloud.yaml", run_eval},
      {"predict",
       "the likeliest labels of files",
       "--checkpoint runs/demo_cloud/checkpoints data/demo_clouds/box/test/box_0051.off",
       run_predict},
      {"launch",
       "start train or eval on several ranks and look after them",
       "-n 2 -- train configs/demo/cloud.yaml",
       run_launch},
      {"data", "make data sets", "make clouds --output data/demo_clouds", run_data},
      {"inspect",
       "show what a configuration sets, or a checkpoint holds",
       "config configs/demo/cloud.yaml",
       run_inspect},
  };
  return verbs;
}

}  // namespace larkspur::launch
